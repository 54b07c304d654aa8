"""Sends what is due, on a small pool of threads. Any orchestrator does; it is safe when all do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from urllib.parse import urlsplit

import structlog

from contracts.errors import ShowcaseError, StoreUnavailable
from contracts.submissions.documents import Submission, Webhook, WebhookAttempt
from contracts.webhooks.policy import event_id
from orchestrator.ports import Clock
from orchestrator.webhooks import events
from orchestrator.webhooks.ports import DueWebhook, Outbox, Sender
from orchestrator.webhooks.schedule import Delivered, GiveUp, next_move

log = structlog.get_logger()

THREADS = 8
THREADS_PER_HOST = 4
"""One receiver that is slow leaves the others half of the threads."""

BATCH = 100
"""Webhooks that one look finds at most; the next one finds the rest."""

POLL_SECONDS = 2.0
"""Between two looks, for what another process ended or left behind. What ends here is sent at once."""

CLAIM_SECONDS = 90.0
"""How long a webhook is this process's alone: longer than a name's look-up and a delivery can take together."""

HOST_BUSY_SECONDS = 30.0
"""When one slow receiver's webhooks fill a whole look, they are left alone for so long."""


class Deliverer:
    """Thread-safe. ``pool`` runs THREADS deliveries at a time; as many are taken, so that none waits under a claim."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        clock: Clock,
        secrets: Sequence[str],
        pool: Executor,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._secrets = tuple(secrets)
        self._pool = pool
        self._uniform = uniform
        self._lock = threading.Lock()
        self._under_way: dict[str, str] = {}
        self._more_due = False
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._idle = threading.Condition(self._lock)

    def ended(self, submission: Submission) -> None:
        """Hear that a submission is final, and look at once if somebody is to be told. Never blocks."""
        if submission.webhook is not None:
            self._woken.set()

    def run(self) -> None:
        """Look whenever woken, and every POLL_SECONDS, until told to stop."""
        prepared = False
        while not self._stopping.is_set():
            woken = self._woken.wait(POLL_SECONDS)
            self._woken.clear()
            try:
                if not prepared:
                    self._outbox.prepare()
                    prepared = True
                self.once(recent=woken and not self._more_due)
            except StoreUnavailable as error:
                log.warning("webhooks put off", error=error.message)
            except Exception:
                # The thread must live: without it no webhook would be sent until a restart.
                log.exception("webhooks broke")

    def once(self, *, recent: bool = False) -> int:
        """Begin to send what is due, as far as there are threads, and return how many. Raises StoreUnavailable."""
        if self._stopping.is_set() or not self._has_free_thread():
            return 0
        found = self._outbox.due(BATCH, recent=recent)
        # All orchestrators find the same; each begins elsewhere, so that they seldom meet.
        random.shuffle(found)
        begun, host_busy = 0, []
        for due in found:
            if self._reserve_thread(due):
                self._pool.submit(self._deliver, due)
                begun += 1
            elif self._host_is_busy(due):
                host_busy.append(due)
        self._more_due = begun < len(found)
        if len(found) >= BATCH and host_busy:
            self._outbox.postpone_all(host_busy, HOST_BUSY_SECONDS)
        return begun

    def stop(self, seconds: float) -> None:
        """Begin nothing more, and wait so long for what is under way. What is not sent then is sent by another."""
        self._stopping.set()
        self._woken.set()
        with self._lock:
            self._idle.wait_for(lambda: not self._under_way, seconds)

    def _has_free_thread(self) -> bool:
        with self._lock:
            if len(self._under_way) < THREADS:
                return True
            self._more_due = True
            return False

    def _reserve_thread(self, due: DueWebhook) -> bool:
        with self._lock:
            if due.submission_id in self._under_way or len(self._under_way) >= THREADS or self._at_limit(due):
                return False
            self._under_way[due.submission_id] = _host(due)
            return True

    def _host_is_busy(self, due: DueWebhook) -> bool:
        with self._lock:
            return due.submission_id not in self._under_way and self._at_limit(due)

    def _at_limit(self, due: DueWebhook) -> bool:
        return list(self._under_way.values()).count(_host(due)) >= THREADS_PER_HOST

    def _deliver(self, due: DueWebhook) -> None:
        well = False
        try:
            submission = self._outbox.claim(due, CLAIM_SECONDS)
            if submission is not None and submission.webhook is not None:
                self._send(submission, submission.webhook)
            well = True
        except ShowcaseError as error:
            # It is due again when its claim ends.
            log.warning("webhook put off", submission_id=due.submission_id, error=error.message)
        except Exception:
            log.exception("webhook broke", submission_id=due.submission_id)
        finally:
            with self._lock:
                del self._under_way[due.submission_id]
                self._idle.notify_all()
            if well and self._more_due:
                self._woken.set()

    def _send(self, submission: Submission, webhook: Webhook) -> None:
        if not submission.state.terminal:
            self._outbox.drop(submission)  # it was tried again before its failure was told: its next end will be
            return
        body = events.body(submission)
        started_at = self._clock.now()
        headers = events.headers(self._secrets, submission, body, started_at)
        answer = self._sender.post(webhook.url, headers, body)
        move = next_move(webhook.tries + 1, answer.status, answer.retry_after_seconds, self._uniform)
        attempt = WebhookAttempt(
            id=event_id(submission),
            started_at=started_at,
            ended_at=self._clock.now(),
            status=answer.status,
            error=answer.error,
        )
        self._outbox.record(submission, attempt, move)
        bound = log.bind(submission_id=submission.id, webhook_id=attempt.id, status=answer.status)
        if isinstance(move, Delivered):
            bound.info("webhook delivered")
        elif isinstance(move, GiveUp):
            bound.error("webhook given up", reason=move.reason, error=answer.error)
        else:
            bound.warning("webhook failed", error=answer.error, again_in_seconds=round(move.seconds))


def _host(due: DueWebhook) -> str:
    """Return whose threads it takes."""
    try:
        return (urlsplit(due.url).hostname or "").lower()
    except ValueError:
        return ""
