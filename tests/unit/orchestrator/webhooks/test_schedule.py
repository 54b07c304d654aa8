"""When a webhook is sent again, and when it is given up."""

from __future__ import annotations

import pytest

from orchestrator.webhooks.schedule import (
    JITTER,
    LONGEST_PAUSE_SECONDS,
    SCHEDULE_SECONDS,
    Delivered,
    GiveUp,
    TryAgain,
    next_move,
)


def pause(tries: int, status: int | None = 500, asked: float | None = None, chance: float = 0.0) -> float:
    move = next_move(tries, status, asked, lambda: chance)
    assert isinstance(move, TryAgain)
    return move.seconds


def test_the_schedule_is_the_specifications() -> None:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    hours = [seconds / 3600 for seconds in SCHEDULE_SECONDS[4:]]
    assert SCHEDULE_SECONDS[:4] == (0, 5, 300, 1800)
    assert hours == [2, 5, 10, 14, 20, 24]


def test_each_failure_waits_for_the_next_place_and_the_last_gives_up() -> None:
    assert [pause(tries) for tries in range(1, 10)] == list(SCHEDULE_SECONDS[1:])
    assert isinstance(next_move(10, 500, None, lambda: 0.0), GiveUp)
    assert isinstance(next_move(11, None, None, lambda: 0.0), GiveUp)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_deliveries(status: int) -> None:
    assert next_move(10, status, None, lambda: 0.0) == Delivered()


@pytest.mark.parametrize("status", [None, 199, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503])
def test_all_else_is_tried_again(status: int | None) -> None:
    assert pause(1, status) == 5


def test_gone_is_gone() -> None:
    assert isinstance(next_move(1, 410, None, lambda: 0.0), GiveUp)


def test_pauses_are_spread_and_never_shorter() -> None:
    assert pause(1, chance=0.0) == 5
    assert pause(1, chance=1.0) == 5 * (1 + JITTER)


def test_a_receiver_may_ask_for_more_time_within_reason() -> None:
    assert pause(1, 503, asked=120) == 120
    assert pause(3, 429, asked=120) == 1800
    assert pause(1, 503, asked=1e9) == LONGEST_PAUSE_SECONDS
