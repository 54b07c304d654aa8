"""The WSGI server, configured: cheroot, a thread for each connection that has sent something.

docs/decisions/0005-threads-for-watchers.md says why it is this one, with what was measured.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from contracts.errors import Busy
from gateway.api.requests.waiting import CONNECTED
from gateway.sockets import GuardedListener, Patience, connections_within, descriptor_limit
from gateway.working import WorkLimit

log = structlog.get_logger()

HEADER_BYTES = 64 * 1024
LONGEST_BODY = 64 * 1024 * 1024
"""In bytes. A body whose header declares more is refused at once. What the application did not read of a shorter one is
read and dropped, so that a client which looks for an answer only after it has sent everything gets it."""

CLOSING = frozenset({408, 413})
"""The statuses after which the connection is closed: there is no waiting for the rest of such a body."""

STOP_SECONDS = 8
"""How long requests under way may take to end."""

StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class ServerLimits:
    """``connections`` may be open, each with a thread of its own while it sends, works or waits.

    A connection is closed after ``idle_seconds`` without a request. A request's header may take ``header_seconds`` as a
    whole. Within a body, or while it reads an answer, a client may pause for ``slow_seconds``, and has to move
    ``least_bytes_per_second`` besides.
    """

    connections: int
    idle_seconds: int
    header_seconds: float
    slow_seconds: float
    least_bytes_per_second: float


class _Request(HTTPRequest):
    def simple_response(self, status: object, msg: str = "") -> None:
        """Answer what never reaches the application (a broken header, a slow one) in the API's error shape."""
        reason = str(status).partition(" ")[2] or str(status)
        sentence = f"{reason}: {msg}" if msg else f"{reason}."
        body = json.dumps({"status": "Failure", "message": sentence})
        self.close_connection = True
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
        with suppress(OSError):  # the client has left
            self.conn.wfile.write(f"{self.server.protocol} {status}\r\n{head}\r\n\r\n{body}".encode("latin-1"))

    def send_headers(self) -> None:
        if int(self.status[:3]) in CLOSING:
            self.close_connection = True
        super().send_headers()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    ConnectionClass = _Connection

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Write to our log what the server writes to standard error by default."""
        log.log(level, msg, exc_info=traceback)


class GatewayServer:
    """Serves ``app`` until ``stop``. Raises OSError when the port is taken."""

    def __init__(self, app: Application, host: str, port: int, work: WorkLimit, limits: ServerLimits) -> None:
        self._app = app
        self._work = work
        self._stopping = False
        connections = _affordable(limits.connections)
        self._server = _Server(
            (host, port),
            self._answer,
            # As many as connections: a request never queues behind clients that keep their threads waiting.
            numthreads=connections,
            server_name="ml-showcase",
            request_queue_size=1024,
            timeout=limits.idle_seconds,
            shutdown_timeout=STOP_SECONDS,
        )
        self._server.keep_alive_conn_limit = connections
        self._server.max_request_header_size = HEADER_BYTES
        self._server.prepare()
        patience = Patience(limits.slow_seconds, limits.least_bytes_per_second)
        self._listener = GuardedListener(self._server.socket, patience, limits.header_seconds, connections)
        self._server.socket = self._listener

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def run(self) -> None:
        """Serve on this thread; returns after ``stop``."""
        self._server.serve()

    def stop(self) -> None:
        """Accept no more, let requests under way end, and return."""
        self._stopping = True
        self._server.stop()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        connection = self._listener.connection(environ["REMOTE_ADDR"], environ["REMOTE_PORT"])
        if connection is not None:
            connection.header_complete()
        environ[CONNECTED] = lambda: not self._stopping and connection is not None and connection.connected()

        body = environ["wsgi.input"] = _Body(environ["wsgi.input"], self._work)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            if int(status[:3]) not in CLOSING:
                body.drop()
            return start_response(status, headers, exc_info)

        if int(environ.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
            sentence = f"No call takes a body of more than {LONGEST_BODY // 2**20} MiB. Send a smaller one."
            return _refuse(start, "413 Content Too Large", sentence)
        try:
            with self._work.working():
                return self._app(environ, start)
        except Busy as error:
            retry_after = ("Retry-After", str(error.retry_after_seconds))
            return _refuse(start, "503 Service Unavailable", error.message, retry_after)


def _refuse(start: StartResponse, status: str, sentence: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    answer = json.dumps({"status": "Failure", "message": sentence}).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer))), *headers])
    return [answer]


class _Body:
    """A request's body as it arrives. While a request waits for more of it, it does not count as working."""

    def __init__(self, body: Any, work: WorkLimit) -> None:
        self._body = body
        self._work = work

    def read(self, size: int | None = None) -> bytes:
        with self._work.paused():
            return bytes(self._body.read(size))

    def readline(self, size: int | None = None) -> bytes:
        with self._work.paused():
            return bytes(self._body.readline(size))

    def readlines(self, hint: int = 0) -> list[bytes]:
        with self._work.paused():
            return list(self._body.readlines(hint))

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def drop(self) -> None:
        """Read what the application left. Raises OSError, at which the server closes the connection."""
        dropped = 0
        while part := self.read(64 * 1024):
            dropped += len(part)
            if dropped > LONGEST_BODY:
                raise BrokenPipeError(errno.EPIPE, "the body is longer than any that is accepted")


def _affordable(connections: int) -> int:
    descriptors = descriptor_limit()
    affordable = connections_within(connections, descriptors)
    if affordable < connections:
        log.warning("fewer connections than set", connections=affordable, file_descriptors=descriptors)
    return affordable
