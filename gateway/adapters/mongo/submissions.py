"""Submissions and images in MongoDB, as the gateway writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import encode
from bson.raw_bson import RawBSONDocument

from contracts.storage import layout
from contracts.submissions.documents import Submission, input_document, to_document
from contracts.submissions.images import StoredImage
from contracts.submissions.states import SubmissionState
from gateway.adapters.mongo.group_commit import GroupCommit
from runtime.mongo import Database, translated

ACCEPTED_TOGETHER = 16
"""Submissions that are written together at most; with images of 10 MiB they pass in several messages."""

PUBLISHED_DUE_SECONDS = 30
"""A published submission that is still queued after so many seconds is looked at by the sweep."""


class MongoSubmissions:
    """The gateway's submission store on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = database.journaled(layout.SUBMISSIONS)
        self._marks = database.unjournaled(layout.SUBMISSIONS)
        self._images = database.unjournaled(layout.IMAGES)
        self._accepted = GroupCommit(self._insert, ACCEPTED_TOGETHER)

    def accept(self, submission: Submission, image: bytes) -> None:
        document = input_document(submission, image)
        # Encoded here, one by one: what cannot be stored is refused alone, not with those it would be written with.
        self._accepted.add((RawBSONDocument(encode(document)), RawBSONDocument(encode(to_document(submission)))))

    def _insert(self, accepted: Sequence[tuple[RawBSONDocument, RawBSONDocument]]) -> None:
        # The submissions come last: one exists from the moment that its document is there, with all that it needs.
        images = [image for image, _ in accepted]
        submissions = [submission for _, submission in accepted]
        # Two calls, not a bulkWrite over both: SecantusDB takes a bulkWrite's write concern and does not keep to it, so
        # that what is acknowledged would not be in the journal yet.
        with translated():
            self._images.insert_many(images)
            self._submissions.insert_many(submissions)

    def fetch(self, submission_id: str) -> Submission | None:
        return self._database.submission(submission_id)

    def image(self, submission_id: str, name: str) -> StoredImage | None:
        return self._database.image(submission_id, name)

    def mark_published(self, submission_ids: list[str]) -> None:
        due = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": PUBLISHED_DUE_SECONDS}}
        with translated():
            self._marks.update_many(
                # Fence 0: nobody has claimed it yet. A submission that was deferred keeps its own due time.
                {"_id": {"$in": submission_ids}, "state": SubmissionState.QUEUED.value, "fence": 0},
                [{"$set": {"published_at": "$$NOW", "due_at": due}}],
            )

    def now(self) -> datetime:
        return self._database.now()

    def ping(self) -> None:
        self._database.ping()
