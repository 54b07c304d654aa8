"""The WSGI server: cheroot, configured to use a thread for each connection that has sent something.

docs/decisions/0005-threads-for-watchers.md gives the reasons for this choice, with measurements.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from cheroot import wsgi
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest

from contracts.errors import Busy, ShowcaseError
from gateway.api.problems import shortened
from gateway.api.requests.waiting import CONNECTED
from gateway.bodies import READ_BYTES, BodyBudget, BudgetedBody
from gateway.framing import ArrivingBody, Chunked, HeaderLines, KnownLength
from gateway.sockets import GuardedListener, StallBudget, connections_within, descriptor_limit
from gateway.working import WorkLimit

log = structlog.get_logger()

HEADER_BYTES = 64 * 1024
DROPPED_BYTES = 64 * 1024 * 1024
DROP_SECONDS = 30.0
"""How much of a body that no call reads is read and dropped after the answer, and for how long. Nothing of it is kept.
Many clients read the answer only when they have sent everything, and would lose it if the connection closed before."""

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
    and earns pauses again by transferring ``least_bytes_per_second``. The bodies that are still arriving may hold
    ``body_bytes`` together.
    """

    connections: int
    idle_seconds: int
    header_seconds: float
    slow_seconds: float
    least_bytes_per_second: float
    body_bytes: int


class _Request(HTTPRequest):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.header_reader = self._read_headers
        self._expects = b""

    def simple_response(self, status: object, msg: str = "") -> None:
        """Answer in the API's error shape when a request never reaches the application (a bad header)."""
        reason = str(status).partition(" ")[2] or str(status)
        sentence = f"{reason}: {msg}" if msg else f"{reason}."
        body = json.dumps({"status": "Failure", "message": shortened(sentence)})
        self.close_connection = True
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
        with suppress(OSError):  # the client has left
            self.conn.wfile.write(f"{self.server.protocol} {status}\r\n{head}\r\n\r\n{body}".encode("latin-1"))

    def respond(self) -> None:
        """Call the application. What it did not read of the body is read and dropped after its answer."""
        framed = Chunked(self.conn.rfile) if self.chunked_read else KnownLength(self.conn.rfile, self._length())
        self.rfile = ArrivingBody(framed, self._proceed if self._expects == b"100-continue" else None)
        self.server.gateway(self).respond()
        if self.ready:
            self.ensure_headers_sent()
        if self.chunked_write:
            self.conn.wfile.write(b"0\r\n\r\n")
        if not self.rfile.ended:
            self._drop_body()

    def send_headers(self) -> None:
        status = int(self.status[:3])
        body: ArrivingBody = self.rfile
        # Of a body in chunks the end may never come; a client that waits for permission to send it gets none.
        if not body.ended and (
            status == STATUS_TIMEOUT or body.awaited or (body.left or DROPPED_BYTES) >= DROPPED_BYTES
        ):
            self.close_connection = True
        # cheroot closes after every 413, also when the whole body was read.
        keep = status == STATUS_TOO_LARGE and not self.close_connection
        if keep:
            self.outheaders.append((b"Connection", b"keep-alive"))
        super().send_headers()
        if keep:
            self.close_connection = False

    def _read_headers(self, lines: Any, headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """Raises ValueError. Takes Expect out: cheroot would invite every body at once, also one to be refused."""
        HeaderReader()(HeaderLines(lines), headers)
        if self.response_protocol == "HTTP/1.1":
            self._expects = headers.pop(b"Expect", b"").lower()
        return headers

    def _length(self) -> int:
        return int(self.inheaders.get(b"Content-Length", 0))

    def _proceed(self) -> None:
        self.conn.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _drop_body(self) -> None:
        body: ArrivingBody = self.rfile
        end, dropped = time.monotonic() + DROP_SECONDS, 0
        try:
            if self.close_connection:
                self.conn.socket.shutdown(socket.SHUT_WR)
            while part := body.drop(READ_BYTES):
                dropped += len(part)
                if dropped > DROPPED_BYTES or time.monotonic() > end:
                    break
        except (OSError, ShowcaseError):  # it left, it is too slow, or it sends something else
            self.close_connection = True
        if not body.ended:
            self.close_connection = True


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
        self.bodies = BodyBudget(limits.body_bytes)
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

        body = environ["wsgi.input"] = BudgetedBody(environ["wsgi.input"], self.bodies, self._work.paused)
        # Only where it is true: its mere presence tells the framework that the end is not to be counted.
        if not environ.get("wsgi.input_terminated"):
            environ.pop("wsgi.input_terminated", None)
        try:
            with self._work.working():
                return self._app(environ, start_response)
        except Busy as error:
            retry_after = ("Retry-After", str(error.retry_after_seconds))
            return _refuse(start_response, "503 Service Unavailable", error.message, retry_after)
        finally:
            body.release()


def _refuse(start: StartResponse, status: str, sentence: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    answer = json.dumps({"status": "Failure", "message": shortened(sentence)}).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer))), *headers])
    return [answer]


def _connection_limit(connections: int) -> int:
    descriptors = descriptor_limit()
    affordable = connections_within(connections, descriptors)
    if affordable < connections:
        log.warning("fewer connections than configured", connections=affordable, file_descriptors=descriptors)
    return affordable
