"""Whether a submission still exists for its readers, and what to raise when it does not. Pure."""

from __future__ import annotations

from datetime import datetime

from contracts.errors import SubmissionGone, UnknownSubmission
from contracts.submissions.documents import Submission
from contracts.submissions.tombstones import GoneReason, Tombstone


def expired(submission: Submission, now: datetime) -> bool:
    """Whether its time has passed. It is deleted some seconds later, and not shown until then."""
    return submission.expires_at is not None and submission.expires_at <= now


def absent(
    submission_id: str, found: Submission | None, tombstone: Tombstone | None
) -> SubmissionGone | UnknownSubmission:
    """Return what to raise for a submission that is not there: SubmissionGone while its tombstone exists.

    ``found`` is one that has expired and is still stored.
    """
    if tombstone is None and found is not None and found.expires_at is not None:
        tombstone = Tombstone.of(found.id, GoneReason.EXPIRED, found.expires_at)
    if tombstone is not None:
        return SubmissionGone(tombstone.sentence())
    return UnknownSubmission(f"There is no submission {submission_id[:64]!r}. Ids are what submitting answered.")
