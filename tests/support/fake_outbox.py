"""The webhooks' ports in memory: the outbox in the submissions that a MemoryStore holds, and receivers that answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from contracts.submissions.documents import ATTEMPTS_KEPT, Submission, WebhookAttempt, from_document
from contracts.submissions.states import SubmissionState
from orchestrator.webhooks.ports import Answer, DueWebhook
from orchestrator.webhooks.schedule import Delivered, Move, TryAgain
from tests.support.fakes import MemoryStore


class MemoryOutbox:
    """Both processes' side of it, as tests/integration holds it to the real one."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def prepare(self) -> None:
        self._store._answer()

    def due(self, limit: int, *, recent: bool = False) -> list[DueWebhook]:
        self._store._answer()
        now = self._store.now()
        since = now - timedelta(seconds=60 if recent else 3_932_160)
        found = [
            DueWebhook(key, document["webhook"]["url"], document["webhook"]["due_at"])
            for key, document in self._store.documents.items()
            if since <= document.get("webhook", {}).get("due_at", now + timedelta(days=1)) <= now
        ]
        return sorted(found, key=lambda each: each.due_at, reverse=True)[:limit]

    def claim(self, due: DueWebhook, seconds: float) -> Submission | None:
        self._store._answer()
        with self._store._lock:
            webhook = self._webhook(due.submission_id)
            if webhook.get("due_at") != due.due_at:
                return None
            webhook["due_at"] = self._store._later(seconds)
            return from_document(self._store.documents[due.submission_id])

    def record(self, submission: Submission, attempt: WebhookAttempt, move: Move) -> None:
        self._store._answer()
        assert submission.webhook is not None
        with self._store._lock:
            webhook = self._webhook(submission.id)
            if webhook.get("url") != submission.webhook.url:
                return
            stored = attempt.model_dump(exclude_none=True)
            webhook["attempts"] = [*webhook["attempts"], stored][-ATTEMPTS_KEPT:]
            if webhook.get("due_at") != submission.webhook.due_at:
                return
            del webhook["due_at"]
            webhook["tries"] = submission.webhook.tries + 1
            if isinstance(move, Delivered):
                webhook["sent_at"] = self._store.now()
            elif isinstance(move, TryAgain):
                webhook["due_at"] = self._store._later(move.seconds)

    def drop(self, submission: Submission) -> None:
        self._store._answer()
        assert submission.webhook is not None
        webhook = self._webhook(submission.id)
        if webhook.get("due_at") == submission.webhook.due_at:
            del webhook["due_at"]

    def postpone_all(self, dues: list[DueWebhook], seconds: float) -> None:
        self._store._answer()
        for due in dues:
            webhook = self._webhook(due.submission_id)
            if "due_at" in webhook and webhook["due_at"] <= max(each.due_at for each in dues):
                webhook["due_at"] = self._store._later(seconds)

    def replay(self, submission: Submission) -> bool:
        self._store._answer()
        document = self._store.documents.get(submission.id, {})
        state, fence = document.get("state"), document.get("fence")
        if "webhook" not in document or (state, fence) != (submission.state, submission.fence):
            return False
        assert SubmissionState(document["state"]).terminal
        document["webhook"].pop("sent_at", None)
        document["webhook"] |= {"due_at": self._store.now(), "tries": 0}
        return True

    def _webhook(self, submission_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._store.documents.get(submission_id, {}).get("webhook", {})
        return found


class FakeSender:
    """Answers with what ``answers`` says next: a status, or a sentence of what went wrong; 204 when it says no more."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, dict[str, str], bytes]] = []
        self.during: Callable[[], None] = lambda: None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((url, dict(headers), body))
        self.during()
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, str):
            return Answer(error=answer)
        return Answer(answer, None if answer < 300 else f"The receiver answered {answer}.")
