"""Sends the webhooks that are due, on a small pool of threads. Every orchestrator does; it is safe when all do."""

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
"""A slow receiver leaves half of the threads to the others."""

BATCH = 100
"""The most webhooks that one query returns; the next one returns the rest."""

POLL_SECONDS = 2.0
"""Between two polls, which find what other processes ended or left behind. What ends here is sent at once."""

CLAIM_SECONDS = 90.0
"""How long a claim reserves a webhook for this process: longer than name resolution and delivery take together."""

HOST_BUSY_SECONDS = 30.0
"""When the webhooks of one slow receiver fill a whole batch, they are postponed by this long."""


class Deliverer:
    """Thread-safe. ``pool`` runs THREADS deliveries at a time; no more are claimed, so that no claim waits in a queue.

    ``uniform`` returns random numbers in [0, 1).
    """

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
        """Called when a submission is final: poll at once if it has a webhook. Never blocks."""
        if submission.webhook is not None:
            self._woken.set()

    def run(self) -> None:
        """Poll when woken, and every POLL_SECONDS, until ``stop`` is called."""
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
                log.warning("webhooks postponed", error=error.message)
            except Exception:
                # The thread must go on: without it no webhook would be sent until a restart.
                log.exception("webhook polling failed")

    def once(self, *, recent: bool = False) -> int:
        """Start to send what is due, as far as threads are free, and return how many. Raises StoreUnavailable."""
        if self._stopping.is_set() or not self._has_free_thread():
            return 0
        found = self._outbox.due(BATCH, recent=recent)
        # All orchestrators find the same webhooks; a random order makes them rarely try the same one.
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
        """Start no more deliveries and wait up to ``seconds`` for those under way. Another process sends the rest."""
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
            log.warning("webhook postponed", submission_id=due.submission_id, error=error.message)
        except Exception:
            log.exception("webhook delivery failed", submission_id=due.submission_id)
        finally:
            with self._lock:
                del self._under_way[due.submission_id]
                self._idle.notify_all()
            if well and self._more_due:
                self._woken.set()

    def _send(self, submission: Submission, webhook: Webhook) -> None:
        if not submission.state.terminal:
            self._outbox.drop(submission)  # it was retried before its webhook was sent; its next end sends one
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
    """Return the host that the limit of threads counts it for; empty if the URL has none."""
    try:
        return (urlsplit(due.url).hostname or "").lower()
    except ValueError:
        return ""
