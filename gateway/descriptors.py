"""What the server does when no file descriptor is left: it goes on with who is connected, says so, and recovers.

By itself waitress would ask for the connection that it cannot take again and again, with a traceback each time.
"""

from __future__ import annotations

import errno
import resource
import time
from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger()

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_SECONDS = 0.5
SAYING_SECONDS = 30.0
CALM_SECONDS = 2.0

KEPT_FREE = 64
"""Descriptors for everything but connections: the database, the broker, log files, bodies that wait on disk."""


def connections_within(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open, of ``wanted``. A large body takes a second descriptor: its file."""
    return max(8, min(wanted, (descriptors - KEPT_FREE) // 2))


def descriptor_limit() -> int:
    """Return the limit of this process, raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**20


class Door:
    """Leaves those who knock outside for a moment, where they wait in the listening socket's queue."""

    def __init__(self, listener: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._accept, self._readable = listener.accept, listener.readable
        self._monotonic = monotonic
        self._shut_until = self._said_at = -SAYING_SECONDS
        self._short = False
        listener.accept, listener.readable = self.accept, self.readable

    def readable(self) -> bool:
        # Asked in any case: waitress looks for silent connections there, whose end gives descriptors back.
        wanted = bool(self._readable())
        return wanted and self._monotonic() >= self._shut_until

    def accept(self) -> Any:
        try:
            accepted = self._accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._shut(error)
            return None
        if self._short and accepted is not None and self._monotonic() - self._shut_until >= CALM_SECONDS:
            self._short = False
            log.info("file descriptors are free again")
        return accepted

    def _shut(self, error: OSError) -> None:
        now = self._monotonic()
        self._shut_until = now + PAUSE_SECONDS
        if now - self._said_at >= SAYING_SECONDS:
            self._short, self._said_at = True, now
            log.error("no file descriptor left", error=error.strerror, remedy="raise the limit (ulimit -n)")
