"""The ports of the submission use cases, one small protocol for each need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.images import StoredImage
from contracts.submissions.tombstones import Tombstone


@dataclass(frozen=True)
class Backlog:
    """How many submissions of a workflow wait, and how many were started per second recently."""

    waiting: int
    drained_per_second: float


@dataclass(frozen=True)
class Deletion:
    """A submission to delete, with these images."""

    submission_id: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class RequestKey:
    """A client's idempotency key: ``id`` is its hash, ``fingerprint`` its request's, ``submission_id`` the outcome."""

    id: str
    fingerprint: str
    submission_id: str
    expires_at: datetime


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the database's time as last measured: all submissions use this clock. Raises StoreUnavailable."""


class SubmissionReader(Protocol):
    def fetch(self, submission_id: str) -> Submission | None:
        """Raises StoreUnavailable, UnknownSchema and InvalidDocument."""


class SubmissionWriter(Protocol):
    def accept(self, submission: Submission, image: bytes) -> None:
        """Store the image, then the submission; when this returns, both are on disk. Raises StoreUnavailable."""


class ImageStore(Protocol):
    def image(self, submission_id: str, name: str) -> StoredImage | None:
        """Return a stored input or artifact. Raises StoreUnavailable."""


class IdempotencyStore(Protocol):
    """The keys, and the write that concurrent requests may repeat. Every method raises StoreUnavailable."""

    def find(self, key_id: str) -> RequestKey | None: ...

    def claim(self, key: RequestKey) -> bool:
        """Store a key. False: it exists already."""

    def forget(self, key: RequestKey) -> None:
        """Delete a key that has expired, unless another one has taken its place."""

    def accept_once(self, submission: Submission, image: bytes) -> bool:
        """Store both as ``SubmissionWriter.accept`` does. False: another request was faster."""


class LifecycleStore(Protocol):
    """Changes that a client requests: each is a compare-and-set on the state and fence of the submission as read.

    They return False if the submission has changed since. ``at`` is the database's time. Every method raises
    StoreUnavailable.
    """

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        """Queued or running to canceled, under the next fence: its orchestrator's later writes change nothing."""

    def retry(self, submission: Submission, queue_depth: int, due_in_seconds: float, at: datetime) -> bool:
        """Failed or canceled to queued: steps that succeeded or were skipped stay, the others are called again."""

    def write_tombstone(self, deletion: Deletion, at: datetime) -> None:
        """Store the tombstone: from now on the deletion will be completed, even if this gateway stops."""

    def remove(self, submission: Submission) -> bool:
        """Delete the document."""

    def clear(self, deletion: Deletion) -> None:
        """Delete the images, and record that the deletion is complete."""

    def unfinished(self, limit: int, at: datetime) -> list[Deletion]:
        """Return deletions that began at least a minute ago and may be incomplete."""


class Tombstones(Protocol):
    """What is left of deleted and expired submissions. Every method raises StoreUnavailable."""

    def write_tombstone(self, tombstone: Tombstone) -> None:
        """Store it, replacing an existing one; it is on disk when this returns."""

    def find(self, submission_id: str) -> Tombstone | None: ...


class WebhookReplays(Protocol):
    """The part of the webhook outbox that the gateway writes."""

    def replay(self, submission: Submission) -> bool:
        """Make the submission's webhook due now and restart its schedule.

        False: the submission has changed since it was read. Raises StoreUnavailable.
        """


class JobPublisher(Protocol):
    """Publishes jobs. Never blocks and never fails: the sweep publishes the jobs that it drops."""

    def publish(self, job: Job) -> None: ...


class EventPublisher(Protocol):
    """Publishes changes of submissions. Never blocks and never fails: an event is a hint and may be lost."""

    def publish_event(self, change: SubmissionChanged) -> None: ...


class QueueDepths(Protocol):
    def backlog(self, workflow: str) -> Backlog:
        """Return the last known state of the workflow's queue, without a round trip: every upload calls this."""
