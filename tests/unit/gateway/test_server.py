"""The real server: what waitress refuses by itself has the API's error shape, and who hangs up holds nothing."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from flask import Flask

from gateway.server import make_server
from gateway.submissions.export import MOST_AT_A_TIME
from tests.support.factories import GATED, NOW, make_submission, make_workflow, png
from tests.support.fakes import MemoryStore


def serve(app: Flask, port: int = 0) -> Any:
    return make_server(app, host="127.0.0.1", port=port, threads=2, connections=10, idle_seconds=10)


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    server = serve(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.effective_port
    server.trigger.pull_trigger(server.close)  # on the loop's own thread; the loop ends with its last socket
    thread.join(timeout=10)
    server.task_dispatcher.shutdown()
    assert not thread.is_alive()


def talk(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().splitlines()
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 68000000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_a_broken_request_is_refused_in_one_shape(port: int, request_bytes: bytes, status: int) -> None:
    answered, headers, body = talk(port, request_bytes)
    assert answered == status
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Connection"] == "close"
    failure = json.loads(body)
    assert failure.keys() == {"status", "message"}
    assert failure["status"] == "Failure"


def test_a_whole_request_reaches_the_application(port: int) -> None:
    answered, headers, body = talk(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (answered, json.loads(body)) == (200, {"status": "alive"})
    assert headers["Server"] == "ml-showcase"


def test_a_body_in_pieces_is_read_to_its_end_and_then_refused(port: int) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST /api/v1/submit_image HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    form = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    answered, _, body = talk(port, head + form + piece * 5 + b"0\r\n\r\n")
    assert answered == 413
    assert "Send a smaller one." in json.loads(body)["message"]


def test_who_hangs_up_in_the_middle_of_an_export_leaves_its_place(port: int, store: MemoryStore) -> None:
    """More than the server holds back for a client that reads slowly: these stand still until they hang up."""
    for age in range(500):
        reason = "x" * 60_000
        store.accept(
            make_submission(make_workflow(GATED), created_at=NOW - timedelta(seconds=age), reason=reason), png(8, 8)
        )
    request = b"GET /api/v2/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    begun = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(MOST_AT_A_TIME)]
    for each in begun:
        each.sendall(request)
        assert each.recv(1000).startswith(b"HTTP/1.1 200 ")
    for each in begun:
        each.close()
    end = time.monotonic() + 8  # before the server would cut off a slow reader by itself
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        while True:
            connection.request("GET", "/api/v2/export")
            response = connection.getresponse()
            body = response.read()
            if response.status == 200:
                break
            assert json.loads(body)["code"] == "busy"
            assert time.monotonic() < end
            time.sleep(0.05)
    assert body.count(b"\n") == 500


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # waitress leaves its socket and its trigger behind
def test_a_port_that_is_taken_is_an_os_error(app: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(app, taken.getsockname()[1])
    gc.collect()  # here, where the warning is expected
