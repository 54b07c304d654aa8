"""The real server: deadlines, bounds, and the API's error shape for what never reaches the application."""

from __future__ import annotations

import gc
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from flask import Flask

from gateway.submissions.export import MAX_CONCURRENT_EXPORTS
from gateway.working import WorkLimit
from tests.support.factories import GATED, NOW, make_submission, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import serving
from tests.support.patience import PATIENCE


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    with serving(app) as port:
        yield port


def talk(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
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
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", 413),
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


def test_a_client_that_leaves_in_the_middle_of_an_export_frees_its_place(port: int, store: MemoryStore) -> None:
    """The exports are larger than the socket buffers, so that they block until their clients hang up."""
    for age in range(500):
        reason = "x" * 60_000
        store.accept(
            make_submission(make_workflow(GATED), created_at=NOW - timedelta(seconds=age), reason=reason), png(8, 8)
        )
    request = b"GET /api/v2/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    begun = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(MAX_CONCURRENT_EXPORTS)]
    for each in begun:
        each.sendall(request)
        assert each.recv(1000).startswith(b"HTTP/1.1 200 ")
    for each in begun:
        each.close()
    end = time.monotonic() + 8  # before the server would cut off a slow reader by itself
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
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


def test_a_header_that_trickles_is_cut_off(app: Flask) -> None:
    with serving(app, header_seconds=1.0) as port:
        answered, _, body = talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n")  # and then nothing
    assert (answered, json.loads(body)["status"]) == (408, "Failure")


def test_a_body_that_stands_still_is_refused_and_holds_up_no_other_request(app: Flask) -> None:
    work = WorkLimit(1)
    head = b"POST /api/v1/submit_image HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with serving(app, work, slow_seconds=2.0) as port, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(PATIENCE)
        slow.sendall(head + b"Content-Length: 100000\r\n\r\n--x")
        assert talk(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_a_large_body_is_refused_before_it_has_come(port: int) -> None:
    head = b"POST /api/v1/submit_image HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    answered, headers, body = talk(port, head + b"Content-Length: 4000000000\r\n\r\n")
    assert (answered, headers["Connection"]) == (413, "close")
    assert "Send a smaller one." in json.loads(body)["message"]


def test_an_upload_that_is_too_large_leaves_its_connection_usable(port: int) -> None:
    size = 11_000_000
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        connection.request("POST", "/api/v1/submit_image", b"x" * size, kind)
        refused = connection.getresponse()
        assert (refused.status, refused.headers["Connection"]) == (413, "keep-alive")
        refused.read()
        kept = connection.sock
        connection.request("GET", "/health/live")
        assert (connection.getresponse().status, connection.sock is kept) == (200, True)


def test_a_body_that_nobody_reads_is_read_to_its_end_so_that_its_client_gets_the_answer(port: int) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n"
    assert talk(port, head + b"x" * 3_000_000)[0] == 404


def test_connections_beyond_the_limit_are_refused_with_a_retry_after(app: Flask) -> None:
    with serving(app, connections=8) as port, ExitStack() as stack:
        for _ in range(8):
            held = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)))
            held.request("GET", "/health/live")
            held.getresponse().read()
        answered, headers, body = talk(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (answered, headers["Retry-After"], json.loads(body)["status"]) == (503, "2", "Failure")


def test_a_busy_gateway_says_so(app: Flask) -> None:
    work = WorkLimit(1, max_wait_seconds=0.1)
    with serving(app, work) as port, work.working():
        answered, headers, body = talk(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (answered, headers["Retry-After"]) == (503, "2")
    assert json.loads(body)["message"].startswith("This gateway is busy")


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the server leaves the socket that it could not bind
def test_a_port_that_is_taken_is_an_os_error(app: Flask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serving(app, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.__enter__()
    gc.collect()  # here, where the warning is expected
