"""Bodies over real sockets: limits by route, one budget, and invitations only for what will be read."""

from __future__ import annotations

import base64
import errno
import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from contracts.workflows.catalogue import Catalogue
from contracts.workflows.workflow_file import MAX_FILE_BYTES
from gateway.api.requests.body_limits import READERS, UNREAD_BYTES, WORKFLOW_READERS, body_limit
from gateway.submissions.quota import StorageQuota, Stored
from tests.support.factories import png
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import LIMITS, make_app, serving
from tests.support.patience import PATIENCE

FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n'
SUBMIT = "POST /api/v2/submissions"


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    with serving(app) as port:
        yield port


def head(call: str, *lines: str) -> bytes:
    return "\r\n".join([f"{call} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def form(image: bytes) -> bytes:
    workflow = PART % (b"workflow", b"") + b"digits\r\n"
    return workflow + PART % (b"image", b'; filename="a.png"') + image + b"\r\n--x--\r\n"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Read one response with a JSON body."""
    with connection.makefile("rb") as reader:
        status = int(reader.readline().split()[1])
        headers = {}
        while line := reader.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name] = value
        length = int(headers.get("Content-Length", 0))
        return status, headers, json.loads(reader.read(length)) if length else None


def submit(port: int, image: bytes) -> tuple[int, dict[str, str], Any]:
    with connect(port) as connection:
        body = form(image)
        connection.sendall(head(SUBMIT, f"Content-Type: {FORM}", f"Content-Length: {len(body)}", "Connection: close"))
        connection.sendall(body)
        return answer(connection)


@pytest.mark.parametrize(
    ("call", "kind", "status", "sentence"),
    [
        (SUBMIT, FORM, 413, "an image of"),
        (SUBMIT, "application/json", 413, "an image of"),
        ("POST /api/v1/submit_image", FORM, 413, "an image of"),
        ("GET /api/v2/workflows", FORM, 413, "reads no body"),
        ("GET /health/live", FORM, 413, "reads no body"),
        ("POST /api/v2/submissions/17/cancel", "application/json", 413, "reads no body"),
        ("POST /nothing", FORM, 404, "nothing at this address"),
        ("PUT /api/v2/workflows", FORM, 405, "does not take this method"),
    ],
)
def test_a_body_that_is_too_long_is_refused_before_a_byte_of_it_came(
    port: int, call: str, kind: str, status: int, sentence: str
) -> None:
    with connect(port) as connection:
        connection.sendall(head(call, f"Content-Type: {kind}", f"Content-Length: {62 * 2**20}"))
        answered, headers, body = answer(connection)
    assert (answered, "Connection" in headers) == (status, status == 413)
    assert sentence in (body.get("detail") or body["message"])


def test_in_chunks_it_is_refused_when_that_much_has_come(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(head(SUBMIT, f"Content-Type: {FORM}", "Transfer-Encoding: chunked"))
        connection.sendall(b"FFFFFFFF\r\n" + PART % (b"image", b"") + b"x" * (LIMITS.bytes + 100_000))
        answered, headers, _ = answer(connection)
    assert (answered, headers["Connection"]) == (413, "close")


def test_every_route_has_its_limit(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= READERS | WORKFLOW_READERS
    form_limit = body_limit("v2_submissions.submit", "multipart/form-data", 10 * 2**20)
    assert 10 * 2**20 < form_limit < 11 * 2**20
    assert body_limit("v2_submissions.submit", "application/json", 9) > 12
    assert {body_limit(each, "", 2**20) for each in endpoints - READERS - WORKFLOW_READERS} == {UNREAD_BYTES}
    assert {body_limit(each, "", 1) for each in WORKFLOW_READERS} == {2 * MAX_FILE_BYTES}


def test_every_operation_with_a_body_may_have_one(app: Flask) -> None:
    document = app.test_client().get("/api/v2/openapi.json").json
    assert document is not None
    readers = {
        operation["operationId"]: operation["requestBody"]["content"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "requestBody" in operation
    }
    small = {"set_workflow_alias", "split_workflow_traffic"}  # a few fields, which fit into what is read anywhere
    assert readers.keys() == {"create_submission", "validate_workflow", "publish_workflow_version"} | small


@pytest.fixture
def spooled(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every form's file goes to disk at once; returns the sizes written so far, a number for each file."""
    sizes: list[int] = []

    class Counted:
        def __init__(self, **_: Any) -> None:
            self._file = tempfile.TemporaryFile(dir=tmp_path_factory.getbasetemp())  # noqa: SIM115
            self._number = len(sizes)
            sizes.append(0)

        def write(self, data: bytes) -> int:
            sizes[self._number] += len(data)
            return self._file.write(data)

        def close(self) -> None:
            sizes[self._number] = 0
            self._file.close()

        def __enter__(self) -> Counted:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    monkeypatch.setattr("gateway.api.requests.multipart.tempfile.SpooledTemporaryFile", Counted)
    return sizes


def test_unfinished_bodies_stay_within_the_budget_and_stop_no_ordinary_upload(
    store: MemoryStore, catalogue: Catalogue, spooled: list[int]
) -> None:
    """30 clients announce 62 MiB, 20 send all but the end of an image of the largest size, and one is ordinary.

    Then 30 more send as much, which is more than the budget has.
    """
    app = make_app(store, FakeJobPublisher(), catalogue)
    budget = 24 * LIMITS.bytes
    unfinished = form(b"x" * (LIMITS.bytes - 1000))
    with serving(app, body_bytes=budget, slow_seconds=60.0) as port, ExitStack() as stack:
        for _ in range(30):
            large = stack.enter_context(connect(port))
            large.sendall(head(SUBMIT, f"Content-Type: {FORM}", f"Content-Length: {62 * 2**20}") + b"x" * 1000)
            assert answer(large)[0] == 413
        for number in range(50):
            slow = stack.enter_context(connect(port))
            slow.sendall(head(SUBMIT, f"Content-Type: {FORM}", f"Content-Length: {len(unfinished)}"))
            slow.sendall(unfinished[:-1])
            if number == 19:
                assert submit(port, png(8, 8))[0] == 202
            assert sum(spooled) <= budget


def test_over_the_budget_it_says_when_to_come_again_and_recovers(store: MemoryStore, catalogue: Catalogue) -> None:
    app = make_app(store, FakeJobPublisher(), catalogue)
    with serving(app, body_bytes=300_000, slow_seconds=60.0) as port:
        content = form(b"x" * 150_000)
        with connect(port) as slow:
            slow.sendall(
                head(SUBMIT, f"Content-Type: {FORM}", f"Content-Length: {len(content)}", "Expect: 100-continue")
            )
            assert slow.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            slow.sendall(content[:-1])
            while True:  # until the server has read that much
                status, headers, body = submit(port, b"x" * 180_000)
                if status == 503:
                    break
                assert status == 400
            assert (headers["Retry-After"], body["code"]) == ("5", "busy")
            slow.sendall(content[-1:])
            assert answer(slow)[0] == 400  # read to its end: it is no image
        assert submit(port, b"x" * 180_000)[0] == 400


@pytest.mark.parametrize(
    ("call", "lines", "status"),
    [
        ("POST /nothing", [], 404),
        ("PUT /api/v2/submissions", [], 405),
        (SUBMIT, ["Content-Type: text/plain"], 415),
        (SUBMIT, [f"Content-Type: {FORM}", "Content-Encoding: gzip"], 415),
        (SUBMIT, [f"Content-Type: {FORM}", "Origin: http://elsewhere.example"], 403),
        (SUBMIT, [f"Content-Type: {FORM}", "Idempotency-Key: \u0001"], 400),
        ("POST /api/v2/submissions?workflow=x", [f"Content-Type: {FORM}"], 400),
    ],
)
def test_a_client_that_waits_is_refused_without_an_invitation(
    port: int, call: str, lines: list[str], status: int
) -> None:
    with connect(port) as connection:
        connection.sendall(head(call, *lines, "Content-Length: 100", "Expect: 100-continue"))
        answered, headers, _ = answer(connection)
        assert (answered, headers["Connection"]) == (status, "close")
        assert connection.recv(1) == b""


def test_a_host_that_is_not_ours_gets_no_invitation(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(
            b"POST /api/v2/submissions HTTP/1.1\r\nHost: evil.example\r\n"
            b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        assert answer(connection)[0] == 403


def test_a_client_that_waits_is_invited_to_what_will_be_read(port: int) -> None:
    body = form(png(8, 8))
    with connect(port) as connection:
        connection.sendall(
            head(SUBMIT, f"Content-Type: {FORM}", f"Content-Length: {len(body)}", "Expect: 100-Continue")
        )
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert answer(connection)[0] == 202


def test_a_connection_goes_on_after_a_body_that_was_refused(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(head("POST /nothing", "Content-Length: 3000000"))
        assert answer(connection)[0] == 404  # before the body has come
        connection.sendall(b"x" * 3_000_000 + head("GET /health/live"))
        assert answer(connection)[0] == 200


@pytest.mark.parametrize(
    "line", ["Name : x", "Content-Length: 1\r\nContent-Length: 2", "A: b\r\n folded", "Content-Length: -1"]
)
def test_a_header_that_programs_read_differently_is_refused(port: int, line: str) -> None:
    with connect(port) as connection:
        connection.sendall(head("GET /health/live", line))
        answered, headers, body = answer(connection)
    assert (answered, headers["Connection"], body["status"]) == (400, "close", "Failure")


@pytest.mark.parametrize(
    "error",
    [OSError(number, "") for number in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)]
    + [MemoryError()],
)
@pytest.mark.parametrize("place", ["form", "store"])
def test_a_resource_that_is_used_up_is_a_503_with_a_sentence(
    store: MemoryStore, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, error: Exception, place: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    if place == "form":
        monkeypatch.setattr("gateway.api.requests.multipart.tempfile.SpooledTemporaryFile", fail)
    else:
        monkeypatch.setattr(store, "accept", fail)
    with serving(make_app(store, FakeJobPublisher(), catalogue)) as port:
        status, headers, body = submit(port, png(8, 8))
    assert (status, body["code"], "Retry-After" in headers) == (503, "out-of-resources", True)
    assert "Send the request again" in body["detail"]


def test_a_full_store_refuses_before_it_reads_an_image(store: MemoryStore, catalogue: Catalogue) -> None:
    quota = StorageQuota(submissions_limit=1)
    with serving(make_app(store, FakeJobPublisher(), catalogue, quota=quota)) as port:
        assert submit(port, png(8, 8))[0] == 202
        assert quota.stored.submissions == 1
        status, headers, body = submit(port, png(8, 8))
    assert (status, headers["Retry-After"], body["code"]) == (503, "60", "storage-full")
    assert quota.stored == Stored(1, quota.stored.bytes)


def test_the_largest_image_may_come_as_json(port: int) -> None:
    """In lines, with each character of the metadata as an escape; what is one byte longer is refused as an image."""
    metadata = {f"name{number}": "\u00e4" * 512 for number in range(16)}
    for size, status in ((LIMITS.bytes, 400), (LIMITS.bytes + 1, 413)):
        image = base64.b64encode(b"x" * size).decode()
        lines = "\r\n".join(image[at : at + 64] for at in range(0, len(image), 64))
        body = json.dumps({"workflow": "digits", "image": lines, "metadata": metadata}).encode()
        with connect(port) as connection:
            connection.sendall(head(SUBMIT, "Content-Type: application/json", f"Content-Length: {len(body)}") + body)
            answered, _, problem = answer(connection)
        assert (answered, problem["code"]) == (status, "rejected-upload" if status == 400 else "upload-too-large")
        assert "request is larger" not in problem["detail"]
