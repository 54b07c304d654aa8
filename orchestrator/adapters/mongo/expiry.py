"""Expiring submissions and tombstones in MongoDB, read by ranges of indexes and deleted by key."""

from __future__ import annotations

from datetime import datetime

from pymongo.errors import BulkWriteError

from contracts.storage import layout
from contracts.storage.indexes import EXPIRING
from contracts.submissions.tombstones import Tombstone
from runtime.mongo import Database, translated

BATCH = 500
DUPLICATE_KEY = 11000


class MongoExpiryStore:
    """The expiry store on the MongoDB protocol."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = database.unjournaled(layout.SUBMISSIONS)
        self._tombstones = database.unjournaled(layout.TOMBSTONES)

    def now(self) -> datetime:
        return self._database.measure_time()

    def prepare(self) -> None:
        self._database.prepare()

    def expiring(self, after: datetime | None, until: datetime) -> list[tuple[str, datetime]]:
        window = {"$lte": until} if after is None else {"$gt": after, "$lte": until}
        with translated():
            found = self._submissions.find({"expires_at": window}, {"expires_at": 1})
            return [(str(each["_id"]), each["expires_at"]) for each in found]

    def write_tombstones(self, tombstones: list[Tombstone]) -> None:
        for begin in range(0, len(tombstones), BATCH):
            documents = [each.document() for each in tombstones[begin : begin + BATCH]]
            with translated():
                try:
                    self._tombstones.insert_many(documents, ordered=False)
                except BulkWriteError as error:
                    # A tombstone that exists was written by another orchestrator, or by the request that deleted the
                    # submission.
                    if any(each.get("code") != DUPLICATE_KEY for each in error.details["writeErrors"]):
                        raise

    def remove(self, submission_ids: list[str]) -> None:
        for begin in range(0, len(submission_ids), BATCH):
            with translated():
                self._submissions.delete_many({"_id": {"$in": submission_ids[begin : begin + BATCH]}})

    def tidy(self, now: datetime) -> None:
        for collection in EXPIRING:
            if collection != layout.SUBMISSIONS:
                with translated():
                    self._database.unjournaled(collection).delete_many({"expires_at": {"$lte": now}})
