"""Web servers that receive webhooks, on loopback: good ones, and each kind that a sender must survive."""

from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.patience import PATIENCE

NAME = "receiver.test"


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Records each request. ``answers`` are the next statuses, then 204; it does not answer while it is ``holding``."""

    port: int
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    answer_bytes: int = 0
    holding: threading.Event | None = None
    """Answers are held back until it is set."""


@contextmanager
def receiver(port: int = 0, certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """Receive on a port of 127.0.0.1, with TLS when there is a (certificate, key)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            made.connections.append(self.client_address[0])
            length = int(self.headers["Content-Length"])
            made.received.append(Received(self.path, dict(self.headers), self.rfile.read(length)))
            if made.holding is not None:
                made.holding.wait(PATIENCE)
            status, headers = made.answers.pop(0) if made.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(made.answer_bytes))
            self.end_headers()
            if status != 204:
                try:
                    self.wfile.write(b"x" * made.answer_bytes)
                except OSError:
                    self.close_connection = True  # the sender has read enough

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A sender that hangs up, or does not trust us, is what some tests are about."""

    server = Server(("127.0.0.1", port), Handler)
    made = Receiver(server.server_port)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        context.sni_callback = lambda _socket, name, _context: made.server_names.append(name)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    loop.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        loop.join()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept one connection and let ``talk`` have it; yields the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            try:
                talk(connection)
            except OSError:
                return  # the sender has hung up

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        # A thread that waits in accept() does not notice that its socket is closed; a connection wakes it.
        with socket.create_connection(listening.getsockname()):
            listening.close()
        thread.join(PATIENCE)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate that signs itself, for NAME alone, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={NAME}"]
        + ["-addext", f"subjectAltName=DNS:{NAME}"],
        check=True,
        capture_output=True,
    )
    return certificate, key
