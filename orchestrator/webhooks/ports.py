"""The ports of webhook delivery: the outbox and the sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.submissions.documents import Submission, WebhookAttempt
from orchestrator.webhooks.schedule import Move


@dataclass(frozen=True)
class DueWebhook:
    """A webhook that is to be sent: the submission, the URL, and the time since when it is due."""

    submission_id: str
    url: str
    due_at: datetime


@dataclass(frozen=True)
class Answer:
    """The outcome of one POST: the receiver's ``status``, None if it gave none.

    ``error`` says in a sentence what went wrong. ``retry_after_seconds`` is what the receiver asked for.
    """

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None


class Outbox(Protocol):
    """The webhooks that are to be sent; they are fields of their submissions. Every method raises StoreUnavailable."""

    def prepare(self) -> None:
        """Create the index that bounds every query, unless it exists."""

    def due(self, limit: int, *, recent: bool = False) -> list[DueWebhook]:
        """Return webhooks that are due by the database's clock, the newest first if there are more than ``limit``.

        ``recent``: only those that became due in the last minute.
        """

    def claim(self, due: DueWebhook, seconds: float) -> Submission | None:
        """Postpone it by ``seconds``, so that no other process sends it, and return its submission.

        None: another process was faster. Raises UnknownSchema and InvalidDocument, as reading a submission does.
        """

    def record(self, submission: Submission, attempt: WebhookAttempt, move: Move) -> None:
        """Store the attempt, and the move that follows from it unless the webhook became due again in the meantime."""

    def drop(self, submission: Submission) -> None:
        """Remove it from the outbox, because its submission is no longer final."""

    def postpone_all(self, dues: list[DueWebhook], seconds: float) -> None:
        """Postpone those of them that no other process has claimed, and change nothing else."""


class Sender(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, bounded in time and size. Errors are part of the answer, and never raised."""
