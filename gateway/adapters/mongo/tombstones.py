"""Tombstones in MongoDB, as the gateway writes and reads them."""

from __future__ import annotations

from contracts.storage import layout
from contracts.submissions.tombstones import Tombstone
from runtime.mongo import Database, translated


class MongoTombstones:
    """The tombstones' port on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._tombstones = database.journaled(layout.TOMBSTONES)

    def write_tombstone(self, tombstone: Tombstone) -> None:
        document = tombstone.document()
        with translated():
            self._tombstones.replace_one({"_id": document.pop("_id")}, document, upsert=True)

    def find(self, submission_id: str) -> Tombstone | None:
        with translated():
            document = self._tombstones.find_one({"_id": submission_id})
        return Tombstone.model_validate(document) if document else None
