"""Header lines that programs read differently are refused; a body is never read further than it is asked for."""

from __future__ import annotations

import io

import pytest

from contracts.errors import InvalidRequest
from gateway.framing import ArrivingBody, Chunked, HeaderLines, KnownLength


class Pipe(io.BytesIO):
    """A connection that remembers the largest piece that was asked of it."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size or 0)
        return super().read(size)


def whole(body: KnownLength | Chunked) -> bytes:
    found = b""
    while part := body.read(4):
        found += part
    return found


@pytest.mark.parametrize(
    "line",
    [
        b"Host : x",
        b"Host\t: x",
        b" folded: x",
        b"\tfolded",
        b"no colon",
        b": no name",
        b"Na(me: x",
        b"N\xe4me: x",
        b"Content-Length: 5x",
        b"Content-Length: -5",
        b"Content-Length: +5",
        b"Content-Length: 1_0",
        b"Content-Length:",
    ],
)
def test_a_header_line_that_programs_read_differently_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        HeaderLines(io.BytesIO(line + b"\r\n\r\n")).readline()


@pytest.mark.parametrize("name", [b"Content-Length: 5", b"HOST: x", b"Transfer-Encoding: chunked"])
def test_a_header_that_may_come_once_comes_once(name: bytes) -> None:
    lines = HeaderLines(io.BytesIO(name + b"\r\n" + name.lower() + b"\r\n"))
    assert lines.readline() == name + b"\r\n"
    with pytest.raises(ValueError, match="twice"):
        lines.readline()


def test_other_header_lines_pass() -> None:
    lines = HeaderLines(io.BytesIO(b"Content-Length:  5 \r\nAccept: a\r\nAccept: b\r\nX: \r\n\r\n"))
    assert [lines.readline() for _ in range(5)][-1] == b"\r\n"


def test_a_body_of_known_length_ends_there() -> None:
    pipe = Pipe(b"0123456789next")
    body = KnownLength(pipe, 10)
    assert (whole(body), body.ended, pipe.read()) == (b"0123456789", True, b"next")


@pytest.mark.parametrize(
    "body", [KnownLength(Pipe(b"01"), 10), Chunked(Pipe(b"5\r\n01")), Chunked(Pipe(b"2\r\n01\r\n"))]
)
def test_a_client_that_leaves_is_no_end(body: KnownLength | Chunked) -> None:
    with pytest.raises(ConnectionResetError):
        whole(body)


def test_chunks_are_joined_and_trailers_dropped() -> None:
    pipe = Pipe(b"5;name=value\r\n01234\r\nA\r\n5678901234\r\n0\r\nTrailer: x\r\n\r\nnext")
    body = Chunked(pipe)
    assert (whole(body), body.ended, pipe.read()) == (b"012345678901234", True, b"next")


def test_a_chunk_is_read_as_it_is_asked_for_whatever_it_announces() -> None:
    pipe = Pipe(b"FFFFFFFFFF\r\n0123456789")
    body = Chunked(pipe)
    assert (body.read(4), pipe.largest) == (b"0123", 4)


@pytest.mark.parametrize(
    "content",
    [
        b"x\r\n",
        b"-5\r\n",
        b"0x5\r\n",
        b"\r\n",
        b"5\r\n01234xx",
        b"F" * 16 + b"\r\n",
        b"5" * 5000,
        b"0\r\n" + b"T: x\r\n" * 100,
    ],
)
def test_what_is_no_chunk_is_an_invalid_request(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="chunks"):
        whole(Chunked(Pipe(content)))


def test_a_client_that_waits_is_invited_once_and_only_when_its_body_is_read() -> None:
    invited: list[bool] = []
    body = ArrivingBody(KnownLength(Pipe(b"0123456789"), 10), lambda: invited.append(True))
    assert (body.awaited, body.drop(2), invited) == (True, b"01", [])
    assert (body.read(4), body.read(10), body.read(1)) == (b"2345", b"6789", b"")
    assert (invited, body.awaited, body.ended) == ([True], False, True)
