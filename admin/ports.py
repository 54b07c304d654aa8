"""What the operator's commands need from the world: the dead-letter queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.messaging.jobs import Job


@dataclass(frozen=True)
class DeadLetter:
    """A message that nobody could work with, held by whoever reads it until it is removed or let go.

    ``tag`` names it to the queue that it was read from. ``reason`` is RabbitMQ's word or ours (``rejected``,
    ``delivery_limit``, ``poison``), ``queue`` where it lay before, ``since`` when it became a dead letter; they are
    empty where nothing is recorded. ``body`` may be anything.
    """

    tag: int
    body: bytes
    message_id: str
    reason: str
    queue: str
    since: datetime | None


class DeadLetters(Protocol):
    """The dead-letter queue. What was read and not removed lies there again afterwards. Raises BrokerUnavailable."""

    def waiting(self) -> int:
        """Return how many letters nobody holds at the moment."""

    def read(self, limit: int) -> list[DeadLetter]:
        """Hold at most so many letters, the oldest first."""

    def remove(self, letter: DeadLetter) -> None: ...

    def publish(self, job: Job) -> None:
        """Publish a job and wait until the broker has it. Raises UnknownWorkflow when no queue takes it."""
