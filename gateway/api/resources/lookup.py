"""What the endpoints of one submission share: find it, show it."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import Tag
from pydantic import BaseModel, Field

from contracts.submissions.documents import Submission, is_submission_id
from gateway.api.responses import tagged
from gateway.api.resources.submissions import SubmissionResource, resource
from gateway.submissions.ports import JobPublisher, Store
from gateway.submissions.retention import Tombstones, absent, expired

SUBMISSIONS = Tag(name="Submissions", description="Send images in, and follow them to their results.")


class SubmissionPath(BaseModel):
    submission_id: str = Field(description="The submission's id.")


class Submissions:
    """What the endpoints of a submission share: find it, and show it."""

    def __init__(self, store: Store, job_publisher: JobPublisher, tombstones: Tombstones) -> None:
        self._store = store
        self._job_publisher = job_publisher
        self._tombstones = tombstones

    def find(self, submission_id: str) -> Submission:
        """Raises UnknownSubmission, SubmissionGone and StoreUnavailable."""
        if not is_submission_id(submission_id):
            raise absent(submission_id, None, None)
        key = submission_id.lower()
        found = self._store.fetch(key)
        if found is None or expired(found, self._store.now()):
            raise absent(submission_id, found, self._tombstones.find(key))
        return found

    def resource(self, submission: Submission) -> SubmissionResource:
        return resource(submission, self._job_publisher.backlog(submission.workflow.name), self._store.now())

    def answer(self, submission: Submission, status: int = 200) -> Response:
        """Return the resource with its ETag; 304 when the client has it."""
        return tagged(self.resource(submission), status)
