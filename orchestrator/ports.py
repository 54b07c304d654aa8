"""The orchestrator's ports: the store, the models, the broker and the clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Artifact, Event, ModelRef, Step, Submission, WorkflowRef
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.images import StoredImage
from contracts.workflows.definition import Workflow


@dataclass(frozen=True)
class Claim:
    """The right to write to a submission for as long as no other owner has claimed it."""

    submission_id: str
    fence: int


@dataclass(frozen=True)
class Progress:
    """What every write under a claim stores: the steps, the artifacts, and the events since the last write."""

    steps: list[Step]
    artifacts: list[Artifact] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Store(Protocol):
    """Submissions and images. Every method raises StoreUnavailable; writes under a claim raise LeaseLost.

    Reading a submission raises UnknownSchema if a newer release wrote it, and InvalidDocument if no release did.
    """

    def prepare(self) -> None:
        """Create the indexes that bound the sweep's query, unless they exist."""

    def read(self, submission_id: str) -> Submission | None: ...

    def image(self, submission_id: str, name: str) -> StoredImage | None: ...

    def claim(self, submission: Submission, owner: str, lease_seconds: float, progress: Progress) -> Claim | None:
        """Move it from queued to running by compare-and-set on state and fence. None: another owner was faster."""

    def renew(self, claim: Claim, lease_seconds: float) -> None: ...

    def save_artifact(self, claim: Claim, submission: Submission, artifact: Artifact, data: bytes) -> None:
        """Store an artifact. Raises LeaseLost if a later owner has stored one of this name."""

    def discard(self, claim: Claim, names: Collection[str]) -> None:
        """Delete artifacts that were stored under a claim that was lost before the submission named them."""

    def checkpoint(self, claim: Claim, progress: Progress) -> None: ...

    def succeed(self, claim: Claim, progress: Progress, result: dict[str, Any]) -> None: ...

    def fail(self, claim: Claim, progress: Progress, reason: str) -> None: ...

    def defer(self, claim: Claim, progress: Progress, reason: str, seconds: float) -> None:
        """Move it from running to queued; it is not to be processed before ``seconds`` from now."""

    def due(self, limit: int) -> list[Submission]:
        """Return submissions whose ``due_at`` has passed by the database's clock.

        Documents that this release cannot read are left out; they are postponed if they would crowd out all others.
        """

    def mark_republished(self, submission: Submission, due_in_seconds: float) -> None:
        """Record that its job was published, and set when it is due again if nothing happens."""

    def postpone(self, submission: Submission, due_in_seconds: float) -> None:
        """Set when it is due again, and nothing else."""

    def postpone_all(self, submissions: list[Submission], due_in_seconds: float) -> None:
        """Set when those of them that are queued and still due are due again."""

    def take_back(self, submission: Submission, due_in_seconds: float) -> bool:
        """Move it from running to queued because its lease expired. False: another process wrote in the meantime."""

    def fail_as_poison(self, submission: Submission, reason: str) -> bool:
        """Move it from running to failed because too many owners stopped while they held it. False as above."""


class Workflows(Protocol):
    def with_digest(self, ref: WorkflowRef) -> Workflow | None:
        """Return exactly this version; None if this release does not know it. Raises StoreUnavailable."""


class Models(Protocol):
    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        """Return the model's JSON answer and the server that gave it. Raises ModelFault."""


class ModelServers(Protocol):
    def look(self, server: str, seconds: float) -> str | None:
        """Return why the server does not answer within ``seconds``; None when it answers. Raises nothing."""


class JobPublisher(Protocol):
    """Publishes jobs. Every method raises BrokerUnavailable."""

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None: ...

    def dead_letter_job(self, job: Job) -> None:
        """Publish a job to the dead-letter queue, for an operator to read."""

    def waiting(self, workflow: str) -> int:
        """Return how many messages wait in the workflow's queue."""


class EventPublisher(Protocol):
    """Notifies gateways of changes. It never blocks and never fails: a notification is a hint, and may be lost."""

    def publish_event(self, change: SubmissionChanged) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the database's time: one clock dates everything that is stored."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> bool:
        """Wait. Returns False, at once, when the process is asked to stop."""
