"""What has gone: the port to the tombstones, and whether a submission still counts as there."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from contracts.errors import SubmissionGone, UnknownSubmission
from contracts.submissions.documents import Submission
from contracts.submissions.tombstones import GoneReason, Tombstone


class Tombstones(Protocol):
    """What is left of submissions that are no more. Every method raises StoreUnavailable."""

    def write_tombstone(self, tombstone: Tombstone) -> None:
        """Store it in place of one that is there; when this returns, it is on disk."""

    def find(self, submission_id: str) -> Tombstone | None: ...


def expired(submission: Submission, now: datetime) -> bool:
    """Whether its time has passed. It is deleted some seconds later; nobody is shown it until then."""
    return submission.expires_at is not None and submission.expires_at <= now


def absent(
    submission_id: str, found: Submission | None, tombstone: Tombstone | None
) -> SubmissionGone | UnknownSubmission:
    """Return what to raise for a submission that is not there: SubmissionGone while its tombstone stands.

    ``found`` is one that has expired and lies there still.
    """
    if tombstone is None and found is not None and found.expires_at is not None:
        tombstone = Tombstone.of(found.id, GoneReason.EXPIRED, found.expires_at)
    if tombstone is not None:
        return SubmissionGone(tombstone.sentence())
    return UnknownSubmission(f"There is no submission {submission_id[:64]!r}. Ids are what submitting answered.")
