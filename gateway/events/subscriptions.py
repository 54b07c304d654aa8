"""Passes changes of a submission to the requests that wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from contracts.errors import TooManyWatchers
from contracts.submissions.events import SubmissionChanged

log = structlog.get_logger()

Callback = Callable[[SubmissionChanged], object]


class Subscription:
    """One waiting request's subscription to one submission."""

    def __init__(self, broadcaster: EventBroadcaster, submission_id: str, callback: Callback) -> None:
        self._broadcaster = broadcaster
        self.submission_id = submission_id
        self.callback = callback

    def cancel(self) -> None:
        """Stop the callbacks; a second call does nothing."""
        self._broadcaster.drop(self)


class EventBroadcaster:
    """Thread-safe. At most ``limit`` requests wait at the same time, each on its own thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Subscription]] = {}
        self._count = 0
        self.listening = False
        """Whether the broker delivers events. While it does not, waiting requests poll the submission."""

    def subscribe(self, submission_id: str, callback: Callback) -> Subscription:
        """Call ``callback`` with each change of the submission, on the publisher's thread: it must return at once.

        Raises TooManyWatchers.
        """
        subscription = Subscription(self, submission_id, callback)
        with self._lock:
            if self._count >= self._limit:
                raise TooManyWatchers(
                    f"The limit of this gateway, {self._limit} clients that wait for events, is reached. Poll the "
                    "submission itself."
                )
            self._waiting.setdefault(submission_id, []).append(subscription)
            self._count += 1
        return subscription

    def drop(self, subscription: Subscription) -> None:
        with self._lock:
            waiting = self._waiting.get(subscription.submission_id, [])
            if subscription in waiting:
                waiting.remove(subscription)
                self._count -= 1
                if not waiting:
                    del self._waiting[subscription.submission_id]

    def publish(self, change: SubmissionChanged) -> None:
        with self._lock:
            waiting = list(self._waiting.get(change.submission_id, ()))
        for subscription in waiting:
            try:
                subscription.callback(change)
            except Exception:
                log.exception("event callback failed", submission_id=change.submission_id)
