"""Calls in the future, on one thread for all of them: what waits for a moment must not hold a thread each."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Timer:
    """A call that is to come; ``cancel`` keeps it from coming."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action: Callable[[], object] | None = action

    def cancel(self) -> None:
        self._action = None

    def fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()


class Timers:
    """Runs short actions when their time has come. Starts its thread with the first one."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def later(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Call ``action`` after so many seconds; it must return at once, for all others wait behind it."""
        timer = Timer(action)
        with self._wake:
            heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._order), timer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
                self._thread.start()
            self._wake.notify()
        return timer

    def _run(self) -> None:
        while True:
            timer = self._next()
            try:
                timer.fire()
            except Exception:
                log.exception("timer broke")

    def _next(self) -> Timer:
        with self._wake:
            while True:
                seconds = self._queue[0][0] - time.monotonic() if self._queue else None
                if seconds is not None and seconds <= 0:
                    return heapq.heappop(self._queue)[2]
                self._wake.wait(seconds)
