"""Finds one submission, or says why there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from contracts.submissions.documents import Submission, is_submission_id
from gateway.submissions.ports import Backlog, Clock, QueueDepths, SubmissionReader, Tombstones
from gateway.submissions.retention import absent, expired


class Store(SubmissionReader, Clock, Protocol): ...


class SubmissionLookup:
    def __init__(self, store: Store, depths: QueueDepths, tombstones: Tombstones) -> None:
        self._store = store
        self._depths = depths
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

    def reread(self, submission_id: str) -> Submission | None:
        """Return the submission as it is now; None when it was deleted. Raises StoreUnavailable."""
        return self._store.fetch(submission_id)

    def backlog(self, submission: Submission) -> Backlog:
        """Return the backlog of the submission's workflow."""
        return self._depths.backlog(submission.workflow.name)

    def now(self) -> datetime:
        """Return the database's time."""
        return self._store.now()
