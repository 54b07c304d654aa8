"""What the delivery of webhooks needs from the world: the outbox and the sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.submissions.documents import Submission, WebhookAttempt
from orchestrator.webhooks.schedule import Move


@dataclass(frozen=True)
class DueWebhook:
    """A webhook that is to be sent: whose, where to, and since when."""

    submission_id: str
    url: str
    due_at: datetime


@dataclass(frozen=True)
class Answer:
    """What became of one POST: the receiver's ``status``, or why there is none; ``error`` is a sentence for people.

    ``retry_after_seconds`` is what the receiver asked for.
    """

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None


class Outbox(Protocol):
    """The webhooks that are to be sent, in the submissions themselves. Every method raises StoreUnavailable."""

    def prepare(self) -> None:
        """Make the index that every look is bounded by, unless it is there."""

    def due(self, limit: int, *, recent: bool = False) -> list[DueWebhook]:
        """Return webhooks whose time has come by the database's clock, the newest first where there are many.

        ``recent``: only what came due in the last minute.
        """

    def claim(self, due: DueWebhook, seconds: float) -> Submission | None:
        """Put it off for so long, so that nobody else sends it, and return the submission as it is then.

        None: somebody else was faster. Raises UnknownSchema and InvalidDocument, as reading a submission does.
        """

    def record(self, submission: Submission, attempt: WebhookAttempt, move: Move) -> None:
        """Keep the attempt, and do what follows from it unless the webhook came due anew in the meantime."""

    def drop(self, submission: Submission) -> None:
        """Send nothing, because nothing has ended."""

    def postpone_all(self, dues: list[DueWebhook], seconds: float) -> None:
        """Look at these later, nothing else, unless somebody else has taken one."""


class Sender(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, bounded in time and size. What goes wrong is in the answer."""
