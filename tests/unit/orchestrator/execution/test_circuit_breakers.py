"""A model that does not answer is asked by one call at a time, and by everybody once it is back."""

from __future__ import annotations

from contracts.orchestrators.status import BreakerState
from orchestrator.execution.circuit_breakers import FAILURE_THRESHOLD, LONGEST_SECONDS, SHORTEST_SECONDS, Breakers


def away(breakers: Breakers, now: float = 0.0) -> None:
    for _ in range(FAILURE_THRESHOLD):
        assert breakers.admit("m", now) == 0
        breakers.failed("m", now)


def test_a_few_failures_change_nothing() -> None:
    breakers = Breakers()
    for _ in range(FAILURE_THRESHOLD - 1):
        breakers.failed("m", 0.0)
    assert breakers.admit("m", 0.0) == 0
    breakers.answered("m")
    breakers.failed("m", 0.0)
    assert breakers.admit("m", 0.0) == 0


def test_a_model_that_is_away_is_left_alone_and_no_other() -> None:
    breakers = Breakers()
    away(breakers)
    assert breakers.admit("m", 0.5) == SHORTEST_SECONDS - 0.5
    assert breakers.admit("other", 0.5) == 0


def test_one_call_tries_and_the_others_wait() -> None:
    breakers = Breakers()
    away(breakers)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    assert breakers.admit("m", SHORTEST_SECONDS) == SHORTEST_SECONDS


def test_each_failed_trial_doubles_the_pause_up_to_a_bound() -> None:
    breakers = Breakers()
    away(breakers)
    now, pauses = 0.0, []
    for _ in range(8):
        now += breakers.admit("m", now)
        assert breakers.admit("m", now) == 0
        breakers.failed("m", now)
        pauses.append(breakers.admit("m", now))
    assert pauses[:3] == [2 * SHORTEST_SECONDS, 4 * SHORTEST_SECONDS, 8 * SHORTEST_SECONDS]
    assert pauses[-1] == LONGEST_SECONDS


def test_calls_that_were_under_way_when_it_went_away_make_the_pause_no_longer() -> None:
    breakers = Breakers()
    away(breakers)
    for _ in range(8):
        breakers.failed("m", 0.1)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0


def test_an_answer_lets_all_call_again() -> None:
    breakers = Breakers()
    away(breakers)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    breakers.answered("m")
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    assert breakers.admit("m", SHORTEST_SECONDS) == 0


def test_its_state_is_told_until_a_trial_could_have_come() -> None:
    breakers = Breakers()
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
    for _ in range(FAILURE_THRESHOLD - 1):
        breakers.failed("m", 0)
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
    breakers.failed("m", 0)
    told = [breakers.breaker("m", at) for at in (0, SHORTEST_SECONDS, 2 * SHORTEST_SECONDS)]
    assert told == [BreakerState.OPEN, BreakerState.OPEN, BreakerState.HALF_OPEN]
    breakers.answered("m")
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
