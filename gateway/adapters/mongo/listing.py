"""Lists in MongoDB: every query covers a window of ``created_at``, so it is bounded on MongoDB and on SecantusDB.

The range comes first in each filter: SecantusDB uses the index of the first indexed field, and then examines every
document of the range. The filter has no other indexed field, so that MongoDB cannot choose another index.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from pymongo import DESCENDING

from contracts.errors import InvalidDocument, UnknownSchema
from contracts.storage import layout, secantus
from contracts.submissions.documents import from_document
from gateway.adapters.mongo.secantus_windows import Row, from_milliseconds, milliseconds
from gateway.submissions.listing import Filters
from runtime.mongo import Database, Document, translated

log = structlog.get_logger()

NEWEST_FIRST = [(layout.CREATED, DESCENDING), ("_id", DESCENDING)]


class MongoListing:
    """The lists' source on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._submissions = database.journaled(layout.SUBMISSIONS)

    def between(self, low: int, high: int, filters: Filters, limit: int) -> list[Row]:
        window = {layout.CREATED: {"$gte": from_milliseconds(low), "$lt": from_milliseconds(high)}}
        with translated():
            return _rows(self._submissions.find(window | matching(filters)).sort(NEWEST_FIRST).limit(limit))

    def at(self, time: int, below: str, filters: Filters, limit: int) -> list[Row]:
        window: Document = {layout.CREATED: from_milliseconds(time), "_id": {"$lt": below}}
        with translated():
            return _rows(self._submissions.find(window | matching(filters)).sort("_id", DESCENDING).limit(limit))

    def sampled(self, low: int, high: int) -> int | None:
        window: Document = {
            layout.CREATED: {"$gte": from_milliseconds(low), "$lt": from_milliseconds(high)}
        } | secantus.SAMPLE
        newest = self._submissions.find(window, {layout.CREATED: 1}).sort(layout.CREATED, DESCENDING)
        with translated():
            for document in newest.limit(1):
                return milliseconds(document[layout.CREATED])
        return None


def matching(filters: Filters) -> Document:
    """Return the filter on everything except the time of creation."""
    wanted: Document = {}
    if filters.state is not None:
        wanted["state"] = filters.state.value
    if filters.workflow is not None:
        wanted["workflow.name"] = filters.workflow
    return wanted | {f"metadata.{name}": value for name, value in filters.metadata.items()}


def _rows(documents: Iterable[Document]) -> list[Row]:
    rows = []
    unreadable: list[str] = []
    for document in documents:
        submission = None
        document.pop("events", None)  # lists do not show events, and parsing them would double the work
        try:
            submission = from_document(document)
        except (UnknownSchema, InvalidDocument) as error:
            unreadable.append(error.message)
        rows.append(Row(milliseconds(document[layout.CREATED]), str(document["_id"]), submission))
    if unreadable:
        log.warning("submissions not listed", count=len(unreadable), first=unreadable[0])
    return rows
