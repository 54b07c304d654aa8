"""Limits how many requests work at the same time; waiting ones do not count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import Busy

MAX_WAIT_SECONDS = 30.0
"""How long a request waits until it may work. Longer than the slowest ordinary request takes."""


class WorkLimit:
    """Thread-safe. A request counts as working inside ``working``, except inside ``paused``."""

    def __init__(self, count: int, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._max_wait_seconds = max_wait_seconds
        self._thread = threading.local()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread's request as working. Raises Busy when too many others work for too long."""
        if not self._free.acquire(timeout=self._max_wait_seconds):
            raise Busy("This gateway is busy with other requests. Try again in a few seconds.", retry_after_seconds=2)
        self._thread.works = True
        try:
            yield
        finally:
            self._thread.works = False
            self._free.release()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let another request work while this one waits. Does nothing outside ``working``."""
        if not getattr(self._thread, "works", False):
            yield
            return
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()
