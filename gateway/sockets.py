"""Sockets with deadlines: the listening socket returns connections that time out, and limits how many are open.

A server with a thread for each connection needs three things: a client that sends or reads very slowly must not keep a
thread; the number of connections must be bounded; and running out of file descriptors must not end the server. All
three are properties of sockets, so they are here and not in the server.
"""

from __future__ import annotations

import errno
import resource
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_SECONDS = 0.2
"""How long to pause accepting when no file descriptor is left."""

LOG_EVERY_SECONDS = 30.0

RESERVED_DESCRIPTORS = 64
"""Descriptors reserved for everything except connections: the database, the broker, log files, bodies on disk."""

_REFUSAL_BODY = b'{"status": "Failure", "message": "Too many connections are open. Try again in a few seconds."}'
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_REFUSAL_BODY), _REFUSAL_BODY)
)


@dataclass(frozen=True)
class StallBudget:
    """How long a client may keep a thread waiting within one message: a budget of ``seconds``.

    Waiting spends the budget, and transferring ``bytes_per_second`` refills it, up to ``seconds``.
    """

    seconds: float
    bytes_per_second: float


class Transfer:
    """One message in one direction, and the rest of its budget."""

    def __init__(self, budget: StallBudget) -> None:
        self._budget = budget
        self._left = budget.seconds

    def left(self) -> float:
        """Return how many seconds the next call may wait. Raises TimeoutError when the budget is spent."""
        if self._left <= 0:
            raise TimeoutError("timed out")  # the server recognises a timeout by this text
        return self._left

    def moved(self, count: int, seconds: float) -> None:
        """Account for ``count`` bytes that were transferred after a wait of ``seconds``."""
        earned = count / self._budget.bytes_per_second
        self._left = min(self._budget.seconds, self._left - seconds + earned)


class GuardedSocket(socket.socket):
    """A connection. Each message in either direction has a deadline, which moves as bytes are transferred."""

    def __init__(
        self, accepted: socket.socket, budget: StallBudget, header_seconds: float, closed: Callable[[], None]
    ) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._budget = budget
        self._header_budget = StallBudget(header_seconds, budget.bytes_per_second)
        self._on_close = closed
        self._receiving: Transfer | None = None
        self._sending: Transfer | None = None

    def recv_into(self, *arguments: Any) -> int:
        if self._receiving is None:
            self._receiving, self._sending = Transfer(self._header_budget), None
        return self._moved(self._receiving, super().recv_into, *arguments)

    def send(self, *arguments: Any) -> int:
        if self._sending is None:
            self._sending, self._receiving = Transfer(self._budget), None
        return self._moved(self._sending, super().send, *arguments)

    def header_complete(self) -> None:
        """Treat what arrives from now on, until the response, as the body."""
        self._receiving = Transfer(self._budget)

    def connected(self) -> bool:
        """Whether the client is still connected. Call it between two messages, on the connection's own thread."""
        self.settimeout(0)
        try:
            return self.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        super().close()
        closed, self._on_close = self._on_close, _nothing
        closed()

    def _moved(self, transfer: Transfer, call: Callable[..., int], *arguments: Any) -> int:
        self.settimeout(transfer.left())
        began = time.monotonic()
        count = 0
        try:
            count = call(*arguments)
        finally:
            transfer.moved(count, time.monotonic() - began)
        return count


class GuardedListener(socket.socket):
    """Accepts at most ``limit`` connections; further ones get a 503 and are closed."""

    def __init__(self, listening: socket.socket, budget: StallBudget, header_seconds: float, limit: int) -> None:
        """``header_seconds`` is how long the whole header of a request may take to arrive."""
        super().__init__(listening.family, listening.type, listening.proto, fileno=listening.detach())
        # The kernel holds a connection back until its first byte arrives, so silent ones cost no thread.
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, max(1, int(header_seconds)))
        self._budget = budget
        self._header_seconds = header_seconds
        self._limit = limit
        self._lock = threading.Lock()
        self._open: dict[tuple[str, int], GuardedSocket] = {}
        self._logged_at = -LOG_EVERY_SECONDS

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises TimeoutError when there is no connection to serve now."""
        try:
            accepted, address = super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._log_error("no file descriptor left", error=error.strerror, remedy="raise the limit (ulimit -n)")
            time.sleep(PAUSE_SECONDS)  # meanwhile the kernel queues new connections
            raise TimeoutError from error
        if len(self._open) >= self._limit:
            self._log_error("too many connections", limit=self._limit)
            _refuse(accepted)
            raise TimeoutError
        key = (str(address[0]), int(address[1]))
        guarded = GuardedSocket(accepted, self._budget, self._header_seconds, lambda: self._forget(key))
        with self._lock:
            self._open[key] = guarded
        return guarded, address

    def connection(self, host: str, port: str) -> GuardedSocket | None:
        """Return the open connection of this client."""
        return self._open.get((host, int(port or 0)))

    def _forget(self, key: tuple[str, int]) -> None:
        with self._lock:
            self._open.pop(key, None)

    def _log_error(self, sentence: str, **details: object) -> None:
        now = time.monotonic()
        if now - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = now
            log.error(sentence, **details)


def connections_within(wanted: int, descriptors: int) -> int:
    """Return how many of ``wanted`` connections may be open. A large body needs a second descriptor, for its file."""
    return max(8, min(wanted, (descriptors - RESERVED_DESCRIPTORS) // 2))


def descriptor_limit() -> int:
    """Raise this process's limit of file descriptors as far as possible, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**20


def _refuse(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.setblocking(False)
        connection.send(REFUSAL)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(64 * 1024)  # closing with unread data would reset it and lose the response


def _nothing() -> None:
    pass
