"""What the engine needs from the world: the store, the models, the bell and the clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Artifact, Event, ModelRef, Step, Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.images import StoredImage


@dataclass(frozen=True)
class Claim:
    """The right to write to a submission for as long as no other owner has claimed it."""

    submission_id: str
    fence: int


@dataclass(frozen=True)
class Progress:
    """What is written with every move: the steps, the artifacts, and the events since the last write."""

    steps: list[Step]
    artifacts: list[Artifact] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Store(Protocol):
    """Submissions and pictures. Every method raises StoreUnavailable; writes under a claim raise LeaseLost.

    Reading a submission raises UnknownSchema when a newer release wrote it, InvalidDocument when none of ours did.
    """

    def prepare(self) -> None:
        """Make the indexes that the sweep's query is bounded by, unless they are there."""

    def read(self, submission_id: str) -> Submission | None: ...

    def image(self, submission_id: str, name: str) -> StoredImage | None: ...

    def claim(self, submission: Submission, owner: str, lease_seconds: float, progress: Progress) -> Claim | None:
        """Queued to running by compare-and-set on state and fence. None: somebody else was faster."""

    def renew(self, claim: Claim, lease_seconds: float) -> None: ...

    def save_artifact(self, claim: Claim, submission: Submission, artifact: Artifact, data: bytes) -> None:
        """Store a picture, unless a later owner has stored one of this name: LeaseLost."""

    def discard(self, claim: Claim, names: Collection[str]) -> None:
        """Delete pictures that were stored under a claim which was lost before the submission named them."""

    def checkpoint(self, claim: Claim, progress: Progress) -> None: ...

    def succeed(self, claim: Claim, progress: Progress, result: dict[str, Any]) -> None: ...

    def fail(self, claim: Claim, progress: Progress, reason: str) -> None: ...

    def defer(self, claim: Claim, progress: Progress, reason: str, seconds: float) -> None:
        """Running to queued, not before so many seconds from now."""

    def due(self, limit: int) -> list[Submission]:
        """Return submissions whose ``due_at`` has passed by the database's clock.

        What this release cannot read is left out, and put off where it would stand before all else.
        """

    def mark_republished(self, submission: Submission, due_in_seconds: float) -> None:
        """Record that it was rung for, and when to look again if nothing happens."""

    def postpone(self, submission: Submission, due_in_seconds: float) -> None:
        """Look again later, nothing else."""

    def postpone_all(self, submissions: list[Submission], due_in_seconds: float) -> None:
        """Look again later at those that are queued and still due."""

    def take_back(self, submission: Submission, due_in_seconds: float) -> bool:
        """Running to queued, because its lease ran out. False: somebody else wrote in the meantime."""

    def fail_as_poison(self, submission: Submission, reason: str) -> bool:
        """Running to failed, because too many owners died on it. False as above."""


class Models(Protocol):
    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        """Return the model's JSON answer and the server that gave it. Raises ModelFault."""


class JobPublisher(Protocol):
    """Rings for submissions. Raises BrokerUnavailable."""

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None: ...

    def dead_letter_job(self, job: Job) -> None:
        """Put a job among the dead letters, for an operator to read."""

    def waiting(self, workflow: str) -> int:
        """Return how many messages wait in the workflow's queue."""


class EventPublisher(Protocol):
    """Tells whoever waits what has happened. Never blocks and never fails: a notice is a hint."""

    def publish_event(self, change: SubmissionChanged) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the database's time: whatever is stored is dated and judged by one clock."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> bool:
        """Wait. Returns False, at once, when the process is asked to stop."""
