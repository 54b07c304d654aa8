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

GROUP_LIMIT = 16
"""The most submissions in one group commit; with images of 10 MiB it takes several messages."""

PUBLISHED_DUE_SECONDS = 30
"""When the sweep checks a published submission that is still queued."""


class MongoSubmissions:
    """The gateway's submission store on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = database.journaled(layout.SUBMISSIONS)
        self._unjournaled_submissions = database.unjournaled(layout.SUBMISSIONS)
        self._images = database.unjournaled(layout.IMAGES)
        self._group_commit = GroupCommit(self._insert, GROUP_LIMIT)

    def accept(self, submission: Submission, image: bytes) -> None:
        document = input_document(submission, image)
        # Encode each one here: a document that cannot be stored then fails alone and not with its whole group.
        self._group_commit.add((RawBSONDocument(encode(document)), RawBSONDocument(encode(to_document(submission)))))

    def _insert(self, accepted: Sequence[tuple[RawBSONDocument, RawBSONDocument]]) -> None:
        # The submissions come last: a submission exists once its document does, and its image must exist by then.
        images = [image for image, _ in accepted]
        submissions = [submission for _, submission in accepted]
        # Two calls and no bulkWrite over both collections: SecantusDB ignores a bulkWrite's write concern, so
        # acknowledged documents might not be in the journal yet.
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
            self._unjournaled_submissions.update_many(
                # Fence 0: no orchestrator has claimed it yet. A deferred submission keeps its own due time.
                {"_id": {"$in": submission_ids}, "state": SubmissionState.QUEUED.value, "fence": 0},
                [{"$set": {"published_at": "$$NOW", "due_at": due}}],
            )

    def now(self) -> datetime:
        return self._database.now()

    def ping(self) -> None:
        self._database.ping()
