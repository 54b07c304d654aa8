"""One budget for all bodies that are still arriving."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from contracts.errors import Busy
from gateway.bodies import READ_BYTES, BodyBudget, BudgetedBody
from gateway.framing import Chunked, KnownLength

LIMIT = 4 * READ_BYTES


def body(budget: BodyBudget, length: int, arrived: int | None = None) -> BudgetedBody:
    content = b"x" * (length if arrived is None else arrived)
    return BudgetedBody(KnownLength(io.BytesIO(content), length), budget, nullcontext)


def test_what_arrives_counts_until_the_body_is_whole() -> None:
    budget = BodyBudget(LIMIT)
    arriving = body(budget, 2 * READ_BYTES + 5)
    assert (len(arriving.read(READ_BYTES)), budget.held) == (READ_BYTES, READ_BYTES)
    assert (len(arriving.read(READ_BYTES)), budget.held) == (READ_BYTES, 2 * READ_BYTES)
    assert (len(arriving.read(READ_BYTES)), budget.held) == (5, 0)
    assert arriving.read(READ_BYTES) == b""


def test_a_request_that_ends_gives_back_what_it_held() -> None:
    budget = BodyBudget(LIMIT)
    arriving = body(budget, 3 * READ_BYTES)
    arriving.read(READ_BYTES)
    arriving.release()
    arriving.release()
    assert budget.held == 0


def test_a_client_that_leaves_holds_only_what_came() -> None:
    budget = BodyBudget(LIMIT)
    arriving = body(budget, 2 * READ_BYTES, arrived=READ_BYTES)
    arriving.read(READ_BYTES)
    with pytest.raises(ConnectionResetError):
        arriving.read(READ_BYTES)
    assert budget.held == READ_BYTES
    arriving.release()
    assert budget.held == 0


def test_a_body_that_would_not_fit_is_refused_before_its_first_byte() -> None:
    budget = BodyBudget(LIMIT)
    first = body(budget, 3 * READ_BYTES)
    first.read(READ_BYTES)
    first.read(READ_BYTES)
    second = body(budget, 3 * READ_BYTES)
    with pytest.raises(Busy, match="Nothing was stored; send yours again in 5 seconds"):
        second.read(1)
    assert len(body(budget, READ_BYTES).read()) == READ_BYTES  # a smaller one still fits


def test_a_body_in_chunks_is_refused_when_the_budget_is_full() -> None:
    budget = BodyBudget(LIMIT)
    chunks = b"%x\r\n%b\r\n" % (READ_BYTES, b"x" * READ_BYTES) * 6 + b"0\r\n\r\n"
    arriving = BudgetedBody(Chunked(io.BytesIO(chunks)), budget, nullcontext)
    with pytest.raises(Busy):
        arriving.read()
    assert budget.held == LIMIT == budget.most_held
    arriving.release()
    assert budget.held == 0


def test_the_request_does_not_count_as_working_while_it_waits() -> None:
    waits: list[str] = []

    @contextmanager
    def paused() -> Iterator[None]:
        waits.append("begin")
        yield
        waits.append("end")

    assert BudgetedBody(KnownLength(io.BytesIO(b"0123"), 4), BodyBudget(LIMIT), paused).read() == b"0123"
    assert waits == ["begin", "end"]


def test_lines_are_read_as_wsgi_asks() -> None:
    arriving = BudgetedBody(KnownLength(io.BytesIO(b"one\ntwo\nthree"), 13), BodyBudget(LIMIT), nullcontext)
    assert (arriving.readline(), arriving.readline(2), arriving.readlines()) == (b"one\n", b"tw", [b"o\n", b"three"])
