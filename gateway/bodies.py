"""The room for bodies that have not been worked on yet: one budget for all connections, in memory and on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from contracts.errors import Busy

READ_BYTES = 64 * 1024
RETRY_AFTER_SECONDS = 5


class BodyBudget:
    """At most ``limit`` bytes of bodies are held at a time. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._held = 0
        self.most_held = 0

    @property
    def held(self) -> int:
        return self._held

    def check(self, count: int) -> None:
        """Raise Busy when there is no room for ``count`` bytes now."""
        if self._held + count > self._limit:
            raise _full(self._limit)

    def take(self, count: int) -> None:
        """Raises Busy when there is no room for ``count`` bytes more."""
        with self._lock:
            if self._held + count > self._limit:
                raise _full(self._limit)
            self._held += count
            self.most_held = max(self.most_held, self._held)

    def give(self, count: int) -> None:
        with self._lock:
            self._held -= count


def _full(limit: int) -> Busy:
    return Busy(
        f"Other requests are still sending their bodies, and fill the {limit / 2**20:.0f} MiB that this gateway has "
        f"for that. Nothing was stored; send yours again in {RETRY_AFTER_SECONDS} seconds.",
        RETRY_AFTER_SECONDS,
    )


class Source(Protocol):
    """A body as it arrives."""

    @property
    def ended(self) -> bool: ...

    @property
    def left(self) -> int | None:
        """How many bytes are still to come, where that is known."""

    def read(self, size: int) -> bytes: ...


Paused = Callable[[], AbstractContextManager[None]]
"""Lets another request work meanwhile."""


class BudgetedBody:
    """A request's body (``wsgi.input``). What has arrived counts against the budget until the request works on it.

    A request that waits for more of its body does not count as working. Once its body is whole and it works again, the
    number of requests that work at the same time bounds what the bodies take. ``read`` raises Busy when the budget is
    full: at the first call also when what has been announced would not fit, so that its client need not send it.
    """

    def __init__(self, source: Source, budget: BodyBudget, paused: Paused) -> None:
        self._source = source
        self._paused = paused
        self._budget = budget
        self._taken = 0
        self._begun = False

    def read(self, size: int | None = None) -> bytes:
        if size is None or size < 0:
            return b"".join(self._pieces())
        if size == 0 or self._whole():
            return b""
        if not self._begun:
            self._begun = True
            self._budget.check(self._source.left or 0)
        size = min(size, READ_BYTES, READ_BYTES if self._source.left is None else self._source.left)
        self._budget.take(size)
        self._taken += size
        part = b""
        try:
            with self._paused():
                part = self._source.read(size)
        finally:
            self._give(size - len(part))
            if self._whole():
                self.release()
        return part

    def readline(self, size: int | None = None) -> bytes:
        """Part of WSGI's contract; no call of ours reads lines."""
        line = b""
        while (size is None or size < 0 or len(line) < size) and (byte := self.read(1)):
            line += byte
            if byte == b"\n":
                break
        return line

    def readlines(self, hint: int = 0) -> list[bytes]:  # noqa: ARG002  # a hint may be ignored
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def release(self) -> None:
        """Give back what is held; a second call does nothing."""
        self._give(self._taken)

    def _whole(self) -> bool:
        return self._source.ended

    def _give(self, count: int) -> None:
        self._taken -= count
        self._budget.give(count)

    def _pieces(self) -> Iterator[bytes]:
        while piece := self.read(READ_BYTES):
            yield piece
