"""``Prefer: wait=N``: the request blocks until its submission is final, or for N seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from contracts.errors import TooManyWatchers
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from gateway.events.subscriptions import EventBroadcaster

LISTENING_POLL_SECONDS = 5.0
"""How often a waiting request rereads the document, in case an event was lost."""

POLL_SECONDS = 1.0
"""The same while the broker delivers no events."""


class Waiter:
    """A waiting request enters ``paused``, so that it does not count as a working one."""

    def __init__(
        self,
        reread: Callable[[str], Submission | None],
        broadcaster: EventBroadcaster,
        paused: Callable[[], AbstractContextManager[object]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reread = reread
        self._broadcaster = broadcaster
        self._paused = paused
        self._monotonic = monotonic

    def wait(self, submission: Submission, seconds: float, connected: Callable[[], bool]) -> Submission | None:
        """Return the submission as it is after the wait; None when too many requests wait already.

        Raises StoreUnavailable.
        """
        deadline = self._monotonic() + seconds
        if submission.state.terminal or seconds <= 0:
            return submission
        ended = threading.Event()

        def callback(change: SubmissionChanged) -> None:
            if change.state.terminal:
                ended.set()

        try:
            subscription = self._broadcaster.subscribe(submission.id, callback)
        except TooManyWatchers:
            return None
        try:
            with self._paused():
                return self._until(submission, deadline, ended, connected)
        finally:
            subscription.cancel()

    def _until(
        self, submission: Submission, deadline: float, ended: threading.Event, connected: Callable[[], bool]
    ) -> Submission:
        while True:
            # Read after subscribing: the callback does not see an end that came before the subscription.
            found = self._reread(submission.id) or submission
            left = deadline - self._monotonic()
            if found.state.terminal or left <= 0 or found is submission:
                return found
            reread_at = self._monotonic() + (LISTENING_POLL_SECONDS if self._broadcaster.listening else POLL_SECONDS)
            while not ended.is_set() and (pause := min(reread_at, deadline) - self._monotonic()) > 0:
                ended.wait(min(pause, POLL_SECONDS))
                if not connected():
                    return found
            ended.clear()
