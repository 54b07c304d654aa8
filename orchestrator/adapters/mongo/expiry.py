"""What is about to expire or has, and tombstones, in MongoDB: ranges of indexes and lists of keys, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

from pymongo import DESCENDING, MongoClient
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from contracts.storage import layout
from contracts.submissions.tombstones import Tombstone
from orchestrator.mongo import Document, making_indexes, translated

BATCH = 500
DUPLICATE_KEY = 11000


class MongoExpiryStore:
    """The port of Expiry on MongoDB's protocol."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._database = client.get_database(database, write_concern=WriteConcern(**layout.UNJOURNALED))
        self._submissions = self._database[layout.SUBMISSIONS]
        self._tombstones = self._database[layout.TOMBSTONES]

    def now(self) -> datetime:
        with translated():
            now: datetime = self._database.command("hello")["localTime"]
        return now if now.tzinfo else now.replace(tzinfo=UTC)

    def prepare(self) -> None:
        with making_indexes(self._database):
            for collection, field in layout.EXPIRY_INDEXES:
                self._database[collection].create_index([(field, DESCENDING)])

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
                    # One that is there was written by another orchestrator, or by whoever deleted the submission.
                    if any(each.get("code") != DUPLICATE_KEY for each in error.details["writeErrors"]):
                        raise

    def remove(self, submission_ids: list[str]) -> None:
        for begin in range(0, len(submission_ids), BATCH):
            with translated():
                self._submissions.delete_many({"_id": {"$in": submission_ids[begin : begin + BATCH]}})

    def tidy(self, now: datetime) -> None:
        for collection, field in layout.EXPIRY_INDEXES:
            if collection != layout.SUBMISSIONS:
                with translated():
                    self._database[collection].delete_many({field: {"$lte": now}})
