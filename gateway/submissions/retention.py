"""Decides whether readers may still see a submission, and which error to raise if not. Pure."""

from __future__ import annotations

from datetime import datetime

from contracts.errors import SubmissionGone, UnknownSubmission
from contracts.submissions.documents import Submission
from contracts.submissions.tombstones import GoneReason, Tombstone


def expired(submission: Submission, now: datetime) -> bool:
    """Whether its retention has ended. An expired submission is hidden at once and deleted a few seconds later."""
    return submission.expires_at is not None and submission.expires_at <= now


def absent(
    submission_id: str, found: Submission | None, tombstone: Tombstone | None
) -> SubmissionGone | UnknownSubmission:
    """Return the error for a missing submission: SubmissionGone while its tombstone exists, else UnknownSubmission.

    ``found`` is an expired submission that is still stored.
    """
    if tombstone is None and found is not None and found.expires_at is not None:
        tombstone = Tombstone.of(found.id, GoneReason.EXPIRED, found.expires_at)
    if tombstone is not None:
        return SubmissionGone(tombstone.sentence())
    return UnknownSubmission(f"There is no submission {submission_id[:64]!r}. Use the id from your submit response.")
