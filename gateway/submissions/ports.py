"""What the gateway needs from the world: the store and the doorbell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.images import StoredImage


@dataclass(frozen=True)
class Backlog:
    """How many submissions of a workflow wait, and how many a second were begun of late."""

    waiting: int
    drained_per_second: float


@dataclass(frozen=True)
class Deletion:
    """A submission that is to be deleted, with these images."""

    submission_id: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class RequestKey:
    """A client's idempotency key: ``id`` is its hash, ``fingerprint`` its request's, and what was made of that."""

    id: str
    fingerprint: str
    submission_id: str
    expires_at: datetime


class Store(Protocol):
    """Submissions and pictures. Every method raises StoreUnavailable."""

    def accept(self, submission: Submission, image: bytes) -> None:
        """Store the image, then the submission; when this returns, both are on disk."""

    def fetch(self, submission_id: str) -> Submission | None: ...

    def image(self, submission_id: str, name: str) -> StoredImage | None: ...

    def mark_published(self, submission_ids: list[str]) -> None:
        """Record that the queue has a message for these, unless somebody works on them already."""

    def now(self) -> datetime:
        """Return the database's time as last measured: one clock dates all submissions."""

    def ping(self) -> None:
        """Ask the database for its time."""


class IdempotencyStore(Protocol):
    """The keys, and the one write that may be tried by many. Every method raises StoreUnavailable."""

    def find(self, key_id: str) -> RequestKey | None: ...

    def claim(self, key: RequestKey) -> bool:
        """Store a key. False: there is one already."""

    def forget(self, key: RequestKey) -> None:
        """Delete a key that has expired, unless another one stands in its place by now."""

    def accept_once(self, submission: Submission, image: bytes) -> bool:
        """Store both as ``Store.accept`` does. False: another request was faster."""


class LifecycleStore(Protocol):
    """Moves that an owner asks for: each is a compare-and-set on the state and fence of the submission that was read.

    They answer False when somebody else has moved it since. ``at`` is the database's time. Every method raises
    StoreUnavailable.
    """

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        """Queued or running to canceled, under the next fence: whoever works on it can write nothing more."""

    def retry(self, submission: Submission, queue_depth: int, due_in_seconds: float, at: datetime) -> bool:
        """Failed or canceled to queued: what succeeded or was skipped stays, the rest is called again."""

    def write_tombstone(self, deletion: Deletion, at: datetime) -> None:
        """Put up its tombstone: from now on it will be deleted, whatever stops in between."""

    def remove(self, submission: Submission) -> bool:
        """Delete the document."""

    def clear(self, deletion: Deletion) -> None:
        """Delete the pictures, and note that nothing is left to do."""

    def unfinished(self, limit: int, at: datetime) -> list[Deletion]:
        """Return what was buried a minute ago or before and may not be gone altogether."""


class JobPublisher(Protocol):
    """Rings the orchestrators, and tells whoever waits.

    Never blocks and never fails: what it misses, the sweep rings for.
    """

    def publish(self, job: Job) -> None: ...

    def publish_event(self, change: SubmissionChanged) -> None:
        """Tell whoever waits what has happened. A notice is a hint: it may be lost."""

    def backlog(self, workflow: str) -> Backlog:
        """Return what is known of the workflow's queue. Asks nobody: it is called for every upload."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    @property
    def answered(self) -> bool:
        """Whether an orchestrator listens to every workflow's queue."""
