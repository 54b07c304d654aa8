"""Lists in MongoDB: every query is a window of ``created_at``, and right and bounded on MongoDB and SecantusDB alike.

The range comes first in each filter: SecantusDB takes an index for the first field that has one, and then looks at
every document of the range. No other indexed field stands beside it, so that MongoDB has no choice to get wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from pymongo import DESCENDING

from contracts.errors import InvalidDocument, UnknownSchema
from contracts.storage import layout, secantus
from contracts.submissions.documents import from_document
from gateway.adapters.mongo.secantus_windows import Row, milliseconds, moment
from gateway.submissions.listing import Filters
from runtime.mongo import Database, Document, translated

log = structlog.get_logger()

NEWEST_FIRST = [(layout.CREATED, DESCENDING), ("_id", DESCENDING)]


class MongoListing:
    """The lists' source on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._submissions = database.journaled(layout.SUBMISSIONS)

    def between(self, low: int, high: int, filters: Filters, limit: int) -> list[Row]:
        window = {layout.CREATED: {"$gte": moment(low), "$lt": moment(high)}}
        with translated():
            return _rows(self._submissions.find(window | matching(filters)).sort(NEWEST_FIRST).limit(limit))

    def at(self, time: int, below: str, filters: Filters, limit: int) -> list[Row]:
        window: Document = {layout.CREATED: moment(time), "_id": {"$lt": below}}
        with translated():
            return _rows(self._submissions.find(window | matching(filters)).sort("_id", DESCENDING).limit(limit))

    def sampled(self, low: int, high: int) -> int | None:
        window: Document = {layout.CREATED: {"$gte": moment(low), "$lt": moment(high)}} | secantus.SAMPLE
        newest = self._submissions.find(window, {layout.CREATED: 1}).sort(layout.CREATED, DESCENDING)
        with translated():
            for document in newest.limit(1):
                return milliseconds(document[layout.CREATED])
        return None


def matching(filters: Filters) -> Document:
    """Return what a document must be like, besides when it was created."""
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
        document.pop("events", None)  # no list shows them, and half of the work would be theirs
        try:
            submission = from_document(document)
        except (UnknownSchema, InvalidDocument) as error:
            unreadable.append(error.message)
        rows.append(Row(milliseconds(document[layout.CREATED]), str(document["_id"]), submission))
    if unreadable:
        log.warning("submissions not listed", count=len(unreadable), first=unreadable[0])
    return rows
