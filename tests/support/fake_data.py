"""The ports through which data comes back and goes, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.errors import InvalidDocument, UnknownSchema
from contracts.storage.secantus import SAMPLE
from contracts.submissions.documents import from_document
from contracts.submissions.tombstones import Tombstone
from gateway.adapters.mongo.secantus_windows import Row, milliseconds
from gateway.submissions.listing import Filters
from tests.support.fakes import MemoryStore


class MemoryListing:
    """The lists' source over a MemoryStore. ``asked`` counts the calls, ``looked`` the submissions in their ranges."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked = self.looked = 0

    def between(self, low: int, high: int, filters: Filters, limit: int) -> list[Row]:
        return self._rows(lambda at, _key: low <= at < high, filters, limit)

    def at(self, time: int, below: str, filters: Filters, limit: int) -> list[Row]:
        return self._rows(lambda at, key: at == time and key < below, filters, limit)

    def sampled(self, low: int, high: int) -> int | None:
        self._store._answer()
        self.asked += 1
        bound = SAMPLE["_id"]["$lt"]
        places = ((milliseconds(each["created_at"]), key) for key, each in self._store.documents.items())
        return max((at for at, key in places if low <= at < high and key < bound), default=None)

    def _rows(self, inside: Any, filters: Filters, limit: int) -> list[Row]:
        self._store._answer()
        self.asked += 1
        found = []
        for key, document in self._store.documents.items():
            at = milliseconds(document["created_at"])
            if inside(at, key):
                self.looked += 1
                if _matches(document, filters):
                    found.append((at, key))
        # Only what is returned is read: reading is what takes the time, and a list asks many times.
        newest = sorted(found, reverse=True)[:limit]
        return [Row(at, key, _readable(self._store.documents[key])) for at, key in newest]


class MemoryTombstones:
    """The gateway's and the orchestrator's side; the latter looks through the store's documents."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.tombstones: dict[str, Tombstone] = {}

    def find(self, submission_id: str) -> Tombstone | None:
        self._store._answer()
        return self.tombstones.get(submission_id)

    def write_tombstone(self, tombstone: Tombstone) -> None:
        """The gateway's: a new one replaces what is there."""
        self._store._answer()
        self.tombstones[tombstone.id] = tombstone

    def write_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """The orchestrator's: what is there stays."""
        self._store._answer()
        for each in tombstones:
            self.tombstones.setdefault(each.id, each)

    def now(self) -> datetime:
        return self._store.now()

    def remove(self, submission_ids: list[str]) -> None:
        self._store._answer()
        for key in submission_ids:
            assert key in self.tombstones, "deleted before it had its tombstone"
            self._store.documents.pop(key, None)

    def tidy(self, now: datetime) -> None:
        self._store._answer()
        self.tombstones = {key: each for key, each in self.tombstones.items() if each.expires_at > now}

    def prepare(self) -> None:
        self._store._answer()

    def expiring(self, after: datetime | None, until: datetime) -> list[tuple[str, datetime]]:
        self._store._answer()
        ends = ((key, each.get("expires_at")) for key, each in self._store.documents.items())
        return [(key, at) for key, at in ends if at is not None and at <= until and (after is None or at > after)]


def _matches(document: dict[str, Any], filters: Filters) -> bool:
    return (
        (filters.state is None or document["state"] == filters.state)
        and (filters.workflow is None or document["workflow"]["name"] == filters.workflow)
        and all(document["metadata"].get(name) == value for name, value in filters.metadata.items())
    )


def _readable(document: dict[str, Any]) -> Any:
    try:
        return from_document(document)
    except (UnknownSchema, InvalidDocument):
        return None
