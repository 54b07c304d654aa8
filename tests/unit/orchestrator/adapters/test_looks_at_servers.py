"""A look at a model server says within a bounded time whether it answers, and why not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.adapters.model_servers.torchserve import TorchServeModels

SECONDS = 20.0
"""Longer than any answer takes; only the server that hangs is given less."""


@pytest.fixture
def models() -> TorchServeModels:
    return TorchServeModels({})


@pytest.fixture(params=[200, 404, 500])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/ping" else 599)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield request.param, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_answer_that_is_no_fault_of_the_server_counts(models: TorchServeModels, answering: tuple[int, str]) -> None:
    status, server = answering
    expected = "its ping answers 500." if status == 500 else None
    assert models.look(server, SECONDS) == expected


def test_a_server_that_hangs_accepts_the_connection_and_is_given_up(models: TorchServeModels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        server = f"http://127.0.0.1:{frozen.getsockname()[1]}"
        assert models.look(server, 0.2) == "it did not answer its ping within 0.2 s."


def test_a_server_that_is_gone_is_told(models: TorchServeModels) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert models.look(f"http://127.0.0.1:{port}", SECONDS) == "its ping failed (ConnectionError)."
