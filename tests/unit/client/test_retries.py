"""When a request is sent again, and after how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from showcase.retries import RetryPolicy, may_retry_status, parse_retry_after, pause_before_retry

JITTERS = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.tuples(st.none() | st.floats(0, 100), JITTERS), min_size=1, max_size=50))
def test_tries_and_waiting_are_bounded_whatever_the_server_asks_for(answers: list[tuple[float | None, float]]) -> None:
    policy = RetryPolicy(max_tries=5, max_wait_seconds=20.0)
    waited, tries = 0.0, 0
    for requested, jitter in answers:
        tries += 1
        seconds = pause_before_retry(policy, tries, waited, requested, jitter)
        if seconds is None:
            break
        assert seconds >= (requested or 0)
        waited += seconds
    assert tries <= 5
    assert waited <= 20


@given(st.integers(1, 30), JITTERS)
def test_pauses_grow_to_a_bound_and_are_spread_from_zero(tries: int, jitter: float) -> None:
    policy = RetryPolicy(max_tries=100, max_wait_seconds=1e9, first_pause_seconds=0.25, max_pause_seconds=8)
    seconds = pause_before_retry(policy, tries, 0, None, jitter)
    assert seconds is not None
    assert 0 <= seconds <= min(8, 0.25 * 2 ** (tries - 1))


@pytest.mark.parametrize(
    ("status", "idempotent", "again"),
    [
        (429, False, True),
        (503, False, True),
        (502, False, False),
        (504, False, False),
        (502, True, True),
        (504, True, True),
        (500, True, False),
        (404, True, False),
        (409, True, False),
    ],
)
def test_a_status_says_whether_the_request_was_carried_out(status: int, idempotent: bool, again: bool) -> None:
    assert may_retry_status(status, idempotent=idempotent) is again


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 7 ", 7), ("", None), ("soon", None), ("-3", None), ("Fri, 02 Jan 2026 03:04:15 GMT", 10)],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after({"retry-after": text}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == seconds
    assert parse_retry_after({}) is None
