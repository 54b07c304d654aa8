"""How many requests work at the same time, apart from how many wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import Busy

PATIENCE_SECONDS = 30.0
"""How long a request waits for its turn. Longer than the slowest ordinary request takes."""


class WorkLimit:
    """Thread-safe. A request works between ``working`` and its end, except while it is ``paused``."""

    def __init__(self, count: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._patience_seconds = patience_seconds
        self._thread = threading.local()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Raises Busy when its turn does not come in time."""
        if not self._free.acquire(timeout=self._patience_seconds):
            raise Busy("This gateway is busy with other requests. Try again in a few seconds.", retry_after_seconds=2)
        self._thread.works = True
        try:
            yield
        finally:
            self._thread.works = False
            self._free.release()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let another request work while this one waits. Does nothing in a thread that does not work."""
        if not getattr(self._thread, "works", False):
            yield
            return
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()
