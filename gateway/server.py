"""The WSGI server: cheroot, configured to use a thread for each connection that has sent something.

docs/decisions/0005-threads-for-watchers.md gives the reasons for this choice, with measurements.
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
from gateway.sockets import GuardedListener, StallBudget, connections_within, descriptor_limit
from gateway.working import WorkLimit

log = structlog.get_logger()

HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
"""In bytes. The server refuses a longer body at once. Of a shorter one it reads and drops what the application did not
read, because some clients read the response only after they have sent everything."""

STATUS_TIMEOUT, STATUS_TOO_LARGE = 408, 413

STOP_SECONDS = 8
"""How long ``stop`` waits for running requests."""

StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class ServerLimits:
    """At most ``connections`` are open, each with its own thread while it sends, works or waits.

    The server closes a connection after ``idle_seconds`` without a request. The whole header of a request may take
    ``header_seconds``. Within a body, or while it reads a response, a client may pause for ``slow_seconds`` in total,
    and earns pauses again by transferring ``least_bytes_per_second``.
    """

    connections: int
    idle_seconds: int
    header_seconds: float
    slow_seconds: float
    least_bytes_per_second: float


class _Request(HTTPRequest):
    def simple_response(self, status: object, msg: str = "") -> None:
        """Answer in the API's error shape when a request never reaches the application (a bad header)."""
        reason = str(status).partition(" ")[2] or str(status)
        sentence = f"{reason}: {msg}" if msg else f"{reason}."
        body = json.dumps({"status": "Failure", "message": sentence})
        self.close_connection = True
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
        with suppress(OSError):  # the client has left
            self.conn.wfile.write(f"{self.server.protocol} {status}\r\n{head}\r\n\r\n{body}".encode("latin-1"))

    def send_headers(self) -> None:
        status = int(self.status[:3])
        if _closes(status, self.inheaders.get(b"Content-Length")):
            self.close_connection = True
        # cheroot closes after every 413, also when the whole body was read.
        keep = status == STATUS_TOO_LARGE and not self.close_connection
        if keep:
            self.outheaders.append((b"Connection", b"keep-alive"))
        super().send_headers()
        if keep:
            self.close_connection = False


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    ConnectionClass = _Connection

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Write the server's messages to the gateway's log; the default is standard error."""
        log.log(level, msg, exc_info=traceback)


class GatewayServer:
    """Serves ``app`` until ``stop``. Raises OSError when the port is taken."""

    def __init__(self, app: Application, host: str, port: int, work: WorkLimit, limits: ServerLimits) -> None:
        self._app = app
        self._work = work
        self._stopping = False
        connections = _connection_limit(limits.connections)
        self._server = _Server(
            (host, port),
            self._answer,
            # One for each connection, so that a request never queues behind slow clients.
            numthreads=connections,
            server_name="ml-showcase",
            request_queue_size=1024,
            timeout=limits.idle_seconds,
            shutdown_timeout=STOP_SECONDS,
        )
        self._server.keep_alive_conn_limit = connections
        self._server.max_request_header_size = HEADER_BYTES
        self._server.prepare()
        budget = StallBudget(limits.slow_seconds, limits.least_bytes_per_second)
        self._listener = GuardedListener(self._server.socket, budget, limits.header_seconds, connections)
        self._server.socket = self._listener

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def run(self) -> None:
        """Serve on this thread; returns after ``stop``."""
        self._server.serve()

    def stop(self) -> None:
        """Stop accepting connections, wait for running requests, and return."""
        self._stopping = True
        self._server.stop()

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        connection = self._listener.connection(environ["REMOTE_ADDR"], environ["REMOTE_PORT"])
        if connection is not None:
            connection.header_complete()
        environ[CONNECTED] = lambda: not self._stopping and connection is not None and connection.connected()

        body = environ["wsgi.input"] = _Body(environ["wsgi.input"], self._work)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            if not _closes(int(status[:3]), length):
                body.drop()
            return start_response(status, headers, exc_info)

        length = environ.get("CONTENT_LENGTH")
        if int(length or 0) > MAX_BODY_BYTES:
            sentence = f"No call takes a body of more than {MAX_BODY_BYTES // 2**20} MiB. Send a smaller one."
            return _refuse(start, "413 Content Too Large", sentence)
        try:
            with self._work.working():
                return self._app(environ, start)
        except Busy as error:
            retry_after = ("Retry-After", str(error.retry_after_seconds))
            return _refuse(start, "503 Service Unavailable", error.message, retry_after)


def _closes(status: int, length: str | bytes | None) -> bool:
    """Whether the server closes the connection after ``status`` instead of reading the rest of the body.

    ``length`` is the value of Content-Length. Without one, the rest of a body that is too large has no known end.
    """
    return status == STATUS_TIMEOUT or (status == STATUS_TOO_LARGE and not 0 < int(length or 0) <= MAX_BODY_BYTES)


def _refuse(start: StartResponse, status: str, sentence: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    answer = json.dumps({"status": "Failure", "message": sentence}).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer))), *headers])
    return [answer]


class _Body:
    """A request's body. A request that waits for more of its body does not count as working."""

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
        """Read and drop the rest of the body. Raises OSError, after which the server closes the connection."""
        dropped = 0
        while part := self.read(64 * 1024):
            dropped += len(part)
            if dropped > MAX_BODY_BYTES:
                raise BrokenPipeError(errno.EPIPE, "the body is longer than the limit")


def _connection_limit(connections: int) -> int:
    descriptors = descriptor_limit()
    affordable = connections_within(connections, descriptors)
    if affordable < connections:
        log.warning("fewer connections than configured", connections=affordable, file_descriptors=descriptors)
    return affordable
