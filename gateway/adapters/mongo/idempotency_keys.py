"""Idempotency keys in MongoDB, and the one insertion that many may try: a unique ``_id`` lets exactly one win."""

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
        # The submission follows before the client gets an answer, and its flush holds the key too.
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
        # Alone, not with what others accept: a taken id would fail them all. A picture that is there already is the
        # same one: it is part of the fingerprint.
        _inserted(self._images.insert_one, input_document(submission, image))
        return _inserted(self._submissions.insert_one, to_document(submission))


def _inserted(insert_one: Callable[[Document], object], document: Document) -> bool:
    try:
        with translated():
            insert_one(document)
    except DuplicateKeyError:
        return False
    return True
