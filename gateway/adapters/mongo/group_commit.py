"""Group commit: writes the items of concurrent requests together, with one journal flush.

Source: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984, section 5.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Entry(Generic[Item]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.written = False
        self.error: BaseException | None = None
        self.woken = threading.Event()


class GroupCommit(Generic[Item]):
    """The first caller writes at once; items that arrive during a write are collected and written in the next one.

    ``write`` stores at most ``limit`` items within a bounded time: all of them, or it raises. There is no writer
    thread: a single caller pays no overhead, and the caller that has waited longest writes for all that wait.
    """

    def __init__(self, write: Callable[[Sequence[Item]], None], limit: int) -> None:
        self._write = write
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Item]] = deque()
        self._writing = False

    def add(self, item: Item) -> None:
        """Return when ``item`` is written. Raises what ``write`` raised for the batch that held it."""
        entry = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
            first, self._writing = not self._writing, True
        if not first:
            # This wait needs no timeout: each write is bounded, and each wakes the next writer when it ends.
            entry.woken.wait()
        if not entry.written:
            self._write_batch()
        if entry.error is not None:
            raise entry.error

    def _write_batch(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        error: BaseException | None = None
        try:
            self._write([entry.item for entry in batch])
        except BaseException as raised:  # noqa: BLE001  # raised again in each caller that waits for this batch
            error = raised
        for entry in batch:
            entry.error, entry.written = error, True
            entry.woken.set()
        with self._lock:
            if self._waiting:
                self._waiting[0].woken.set()
            else:
                self._writing = False
