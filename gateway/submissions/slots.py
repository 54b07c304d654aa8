"""Limits how many callers do the same costly work at the same time: exports, drawings, checks of images."""

from __future__ import annotations

import threading

from contracts.errors import Busy


class Slots:
    """Allows ``count`` callers at a time and refuses further ones with ``sentence`` and a time to retry."""

    def __init__(self, count: int, sentence: str, retry_after_seconds: int = 10) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._sentence = sentence
        self._retry_after_seconds = retry_after_seconds

    def acquire(self, wait_seconds: float = 0.0) -> Slot:
        """Return a slot; call its ``release`` when done. Raises Busy when none is free within ``wait_seconds``."""
        if not self._free.acquire(timeout=wait_seconds) if wait_seconds else not self._free.acquire(blocking=False):
            raise Busy(self._sentence, self._retry_after_seconds)
        return Slot(self._free)


class Slot:
    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free = free
        self._lock = threading.Lock()
        self._held = True

    def release(self) -> None:
        """Free the slot; a second call does nothing."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._free.release()

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
