"""What the gateway needs from the world: the store and the doorbell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.documents import ModelRef, Submission
from contracts.messages import Job
from contracts.served_models import ServedModel
from contracts.workflows import Workflow


@dataclass(frozen=True)
class Picture:
    """A stored input or artifact."""

    media_type: str
    data: bytes


@dataclass(frozen=True)
class Backlog:
    """How many submissions of a workflow wait, and how many a second were begun of late."""

    waiting: int
    drained_per_second: float


class Store(Protocol):
    """Submissions and pictures. Every method raises StoreUnavailable."""

    def accept(self, submission: Submission, image: bytes) -> None:
        """Store the image, then the submission; when this returns, both are on disk."""

    def fetch(self, submission_id: str) -> Submission | None: ...

    def picture(self, submission_id: str, name: str) -> Picture | None: ...

    def mark_rung(self, submission_ids: list[str]) -> None:
        """Record that the queue has a message for these, unless somebody works on them already."""

    def now(self) -> datetime:
        """Return the database's time as last measured: one clock dates all submissions."""

    def ping(self) -> None:
        """Ask the database for its time."""

    def publish(self, workflows: list[Workflow]) -> None:
        """Keep the workflows' digests. Raises InvalidWorkflow when a published version has changed."""

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        """Return the version that each alias of each workflow means."""

    def set_alias(self, workflow: str, alias: str, version: str) -> None: ...

    def remove_alias(self, workflow: str, alias: str) -> bool:
        """Return whether there was one."""

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        """Return what orchestrators told of these models."""


class Doorbell(Protocol):
    """Rings the orchestrators. Never blocks and never fails: what it misses, the sweep rings for."""

    def ring(self, job: Job) -> None: ...

    def backlog(self, workflow: str) -> Backlog:
        """Return what is known of the workflow's queue. Asks nobody: it is called for every upload."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    @property
    def answered(self) -> bool:
        """Whether an orchestrator listens to every workflow's queue."""
