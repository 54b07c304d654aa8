"""What the operator's commands need from the running system. Nothing here opens a connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.workflows.registry import Actor, WorkflowRecord

Decide = Callable[[WorkflowRecord, Actor], WorkflowRecord | None]
"""Returns the next document of a workflow, or None where it is already as asked for."""


class SubmissionReader(Protocol):
    def submission(self, submission_id: str) -> Submission | None:
        """Raises StoreUnavailable, UnknownSchema and InvalidDocument."""


@dataclass(frozen=True)
class DeadLetter:
    """A message that no orchestrator could process, held by its reader until it is removed or released.

    ``tag`` names it to the queue that it was read from. ``reason`` is RabbitMQ's word or ours (``rejected``,
    ``delivery_limit``, ``poison``), ``queue`` the queue before this one, ``since`` when it became a dead letter; they
    are empty where nothing is recorded. ``body`` may be anything.
    """

    tag: int
    body: bytes
    message_id: str
    reason: str
    queue: str
    since: datetime | None


class DeadLetters(Protocol):
    """The dead-letter queue. A letter that was read and not removed returns to it. Raises BrokerUnavailable."""

    def waiting(self) -> int:
        """Return how many letters no reader holds at the moment."""

    def read(self, limit: int) -> list[DeadLetter]:
        """Hold at most ``limit`` letters, the oldest first."""

    def remove(self, letter: DeadLetter) -> None: ...

    def publish(self, job: Job) -> None:
        """Publish a job and wait until the broker has it. Raises UnknownWorkflow when no queue takes it."""


class System(Protocol):
    """The running system as a command reaches it. A part is opened when a command first asks for it.

    Every method raises InvalidSetting, or leaves with status 2, when a setting is wrong.
    """

    def workflows_folder(self) -> Path:
        """Return the folder of workflow files."""

    def workflows(self) -> list[WorkflowRecord]:
        """Return every workflow of the registry. Raises StoreUnavailable."""

    def change_workflow(self, name: str, source: str, reason: str | None, decide: Decide) -> WorkflowRecord:
        """Change a workflow and return it. Raises StoreUnavailable, UnknownWorkflow and what ``decide`` raises."""

    def submissions(self) -> SubmissionReader: ...

    def open_letters(self) -> AbstractContextManager[DeadLetters]:
        """Return the queue, which holds what is read from it until the ``with`` block ends."""
