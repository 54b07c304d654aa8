"""Who waits for which submission, and how a request waits without holding a thread.

Notices come in from the broker (gateway.adapters.rabbitmq.event_subscriber) and go out to whoever subscribed. A view
that has to wait raises
``Parked``: the server serves other requests meanwhile and comes back to this one. A body that goes on without end
raises ``Detached`` from its iteration: the server hands it the connection and takes its thread back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from contracts.errors import TooManyWatchers
from contracts.submissions.events import SubmissionChanged

log = structlog.get_logger()

PARKING = "showcase.parking"
"""In the WSGI environment: whether the server knows what to do with Parked and Detached. Others block a thread."""

RESUMED = "showcase.resumed"
"""In the WSGI environment: what the request left behind when it was parked."""

Wake = Callable[[], None]


class Parked(BaseException):
    """Ends the handling of a request that is to be handled again later, from the start.

    ``arm`` is given a function to call, from any thread and as often as it likes, when the time has come. ``left``
    is what the request will find under RESUMED. No Exception: nothing on the way to the server may answer it.
    """

    def __init__(self, arm: Callable[[Wake], None], left: Any) -> None:
        super().__init__()
        self.arm = arm
        self.left = left


class Endless(Protocol):
    """A body that is written whenever something happens."""

    def attach(self, write: Callable[[bytes], bool], close: Callable[[], None]) -> None:
        """Take the connection. ``write`` says whether the client is still there; ``close`` ends the body."""

    def close(self) -> None:
        """The client is gone."""


class Detached(BaseException):
    """Ends the iteration over a body that goes on by itself from here."""

    def __init__(self, body: Endless) -> None:
        super().__init__()
        self.body = body


class Subscription:
    def __init__(
        self, broadcaster: EventBroadcaster, submission_id: str, callback: Callable[[SubmissionChanged], object]
    ) -> None:
        self._broadcaster = broadcaster
        self.submission_id = submission_id
        self.callback = callback

    def cancel(self) -> None:
        self._broadcaster.drop(self)


class EventBroadcaster:
    """Passes notices on. Thread-safe. ``limit`` bounds how many wait at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Subscription]] = {}
        self._count = 0
        self.listening = False
        """Whether notices come in. While they do not, whoever waits has to look."""

    def subscribe(self, submission_id: str, callback: Callable[[SubmissionChanged], object]) -> Subscription:
        """Call ``callback`` with every notice of the submission, on the listener's thread: it must return at once.

        Raises TooManyWatchers.
        """
        subscription = Subscription(self, submission_id, callback)
        with self._lock:
            if self._count >= self._limit:
                raise TooManyWatchers(
                    f"{self._limit} clients wait for events already, as many as may. Ask for the submission itself."
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
                log.exception("watcher broke", submission_id=change.submission_id)
