"""Idempotency keys in MongoDB. Concurrent requests try the same insertion, and the unique ``_id`` lets one win."""

from __future__ import annotations

from collections.abc import Callable

from pymongo.errors import DuplicateKeyError

from contracts.storage import layout
from contracts.submissions.documents import Submission, input_document, to_document
from gateway.submissions.ports import RequestKey
from runtime.mongo import Database, Document, translated


class MongoIdempotencyStore:
    """The idempotency port on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        # The submission is written, journaled, before the client gets an answer; its journal flush includes the key.
        self._keys = database.unjournaled(layout.IDEMPOTENCY_KEYS)
        self._images = database.unjournaled(layout.IMAGES)
        self._submissions = database.journaled(layout.SUBMISSIONS)

    def find(self, key_id: str) -> RequestKey | None:
        with translated():
            document = self._keys.find_one({"_id": key_id})
        if document is None:
            return None
        return RequestKey(key_id, document["fingerprint"], document["submission_id"], document["expires_at"])

    def claim(self, key: RequestKey) -> bool:
        document = {
            "_id": key.id,
            "fingerprint": key.fingerprint,
            "submission_id": key.submission_id,
            "expires_at": key.expires_at,
        }
        return _inserted(self._keys.insert_one, document)

    def forget(self, key: RequestKey) -> None:
        with translated():
            self._keys.delete_one({"_id": key.id, "submission_id": key.submission_id})

    def accept_once(self, submission: Submission, image: bytes) -> bool:
        # Not through the group commit: a duplicate id would fail the whole group. An image that is already stored is
        # the same one, because the fingerprint includes it.
        _inserted(self._images.insert_one, input_document(submission, image))
        return _inserted(self._submissions.insert_one, to_document(submission))


def _inserted(insert_one: Callable[[Document], object], document: Document) -> bool:
    try:
        with translated():
            insert_one(document)
    except DuplicateKeyError:
        return False
    return True
