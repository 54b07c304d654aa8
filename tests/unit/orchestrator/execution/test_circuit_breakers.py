"""A model that does not answer is asked by one call at a time, and by everybody once it is back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.orchestrators.status import BreakerState
from contracts.submissions.states import ServedState
from orchestrator.execution.circuit_breakers import FAILURE_THRESHOLD, LONGEST_SECONDS, SHORTEST_SECONDS, Breakers


def unreachable(breakers: Breakers, now: float) -> None:
    breakers.failed("m", now, "one", of_server=True)


def away(breakers: Breakers, now: float = 0.0) -> None:
    for _ in range(FAILURE_THRESHOLD):
        assert breakers.admit("m", now) == 0
        unreachable(breakers, now)


def test_a_few_failures_change_nothing() -> None:
    breakers = Breakers()
    for _ in range(FAILURE_THRESHOLD - 1):
        unreachable(breakers, 0.0)
    assert breakers.admit("m", 0.0) == 0
    breakers.answered("m")
    unreachable(breakers, 0.0)
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
        unreachable(breakers, now)
        pauses.append(breakers.admit("m", now))
    assert pauses[:3] == [2 * SHORTEST_SECONDS, 4 * SHORTEST_SECONDS, 8 * SHORTEST_SECONDS]
    assert pauses[-1] == LONGEST_SECONDS


def test_calls_that_were_under_way_when_it_went_away_make_the_pause_no_longer() -> None:
    breakers = Breakers()
    away(breakers)
    for _ in range(8):
        unreachable(breakers, 0.1)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0


def test_an_answer_lets_all_call_again() -> None:
    breakers = Breakers()
    away(breakers)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    breakers.answered("m")
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    assert breakers.admit("m", SHORTEST_SECONDS) == 0


STEPS = st.tuples(st.sampled_from(["fault", "answer"]), st.floats(0, 60))


@given(st.lists(STEPS, max_size=60), st.integers(0, FAILURE_THRESHOLD - 2))
def test_no_faults_of_one_submission_alone_stop_the_calls(steps: list[tuple[str, float]], others: int) -> None:
    breakers, now = Breakers(), 0.0
    for other in range(others):
        breakers.failed("m", now, f"other {other}", of_server=False)
    for kind, pause in steps:
        now += pause
        assert breakers.admit("m", now) == 0
        if kind == "fault":
            breakers.failed("m", now, "killer", of_server=False)
        else:
            breakers.answered("m")
    assert breakers.admit("m", now) == 0


@given(st.lists(st.integers(0, 20), max_size=60))
def test_the_calls_stop_once_enough_different_submissions_have_failed(failing: list[int]) -> None:
    breakers = Breakers()
    for submission in failing:
        breakers.failed("m", 0.0, str(submission), of_server=False)
    assert (breakers.admit("m", 0.0) > 0) == (len(set(failing)) >= FAILURE_THRESHOLD)


def test_a_server_that_is_gone_stops_the_calls_of_the_only_submission() -> None:
    breakers = Breakers()
    away(breakers)
    assert breakers.admit("m", 0.0) == SHORTEST_SECONDS


def test_a_trial_that_fails_for_a_picture_that_failed_before_leaves_the_next_trial_to_another_at_once() -> None:
    breakers = Breakers()
    for submission in range(FAILURE_THRESHOLD):
        breakers.failed("m", 0.0, str(submission), of_server=False)
    assert breakers.admit("m", SHORTEST_SECONDS) == 0
    assert breakers.admit("m", SHORTEST_SECONDS) == SHORTEST_SECONDS
    breakers.failed("m", SHORTEST_SECONDS + 0.5, "0", of_server=False)
    assert breakers.admit("m", SHORTEST_SECONDS + 0.5) == 0
    breakers.failed("m", SHORTEST_SECONDS + 1, "new", of_server=False)
    assert breakers.admit("m", SHORTEST_SECONDS + 1) == 2 * SHORTEST_SECONDS


def test_an_answer_clears_the_suspicion() -> None:
    breakers = Breakers()
    breakers.failed("m", 0.0, "one", of_server=False)
    assert breakers.state("m") is ServedState.FAILING
    breakers.answered("m")
    breakers.failed("m", 0.0, "one", of_server=False)
    assert breakers.state("m") is ServedState.FAILING


def test_its_state_is_told_until_a_trial_could_have_come() -> None:
    breakers = Breakers()
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
    for _ in range(FAILURE_THRESHOLD - 1):
        breakers.failed("m", 0, "s", of_server=True)
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
    breakers.failed("m", 0, "s", of_server=True)
    told = [breakers.breaker("m", at) for at in (0, SHORTEST_SECONDS, 2 * SHORTEST_SECONDS)]
    assert told == [BreakerState.OPEN, BreakerState.OPEN, BreakerState.HALF_OPEN]
    breakers.answered("m")
    assert breakers.breaker("m", 0) is BreakerState.CLOSED
