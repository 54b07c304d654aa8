"""Again, later or never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ModelCrashed, ModelFault, ModelNotLoaded, ModelRefused, ModelTimeout, ModelUnavailable
from contracts.messaging.topology import DELAYS_SECONDS
from orchestrator.planning.retries import Defer, GiveUp, Policy, Retry, decide, large_picture_delay
from runtime.backoff import backoff

POLICY = Policy()
RARELY_MENDED = [ModelCrashed("x"), ModelTimeout("x"), ModelNotLoaded("x")]


def after(
    fault: ModelFault, count: int = 1, elapsed: float = 0.0, age: float = 0.0, jitter: float = 0.5
) -> Retry | Defer | GiveUp:
    return decide(fault, count=count, elapsed_seconds=elapsed, age_seconds=age, policy=POLICY, jitter=jitter)


def test_what_was_refused_is_never_called_again() -> None:
    assert after(ModelRefused("no")) == GiveUp()


@pytest.mark.parametrize(("age", "delay"), [(0, 2), (8, 2), (9, 5), (20, 5), (21, 15), (61, 15), (1e6, 15)])
def test_a_large_picture_asks_less_often_the_longer_it_has_waited(age: float, delay: int) -> None:
    assert large_picture_delay(age) == delay


@pytest.mark.parametrize("fault", [ModelUnavailable("x"), *RARELY_MENDED])
def test_a_first_transient_fault_is_tried_again_in_the_thread(fault: ModelFault) -> None:
    assert isinstance(after(fault), Retry)


def test_a_spent_budget_defers() -> None:
    assert after(ModelUnavailable("x"), elapsed=POLICY.budget_seconds) == Defer(DELAYS_SECONDS[0])


def test_the_longer_it_lasts_the_longer_it_waits() -> None:
    decisions = [after(ModelUnavailable("x"), count=count, elapsed=99) for count in range(1, 60)]
    waits = [each.seconds for each in decisions if isinstance(each, Defer)]
    assert len(waits) == len(decisions)
    assert waits == sorted(waits)
    assert set(waits) == set(DELAYS_SECONDS)


@pytest.mark.parametrize("fault", RARELY_MENDED)
def test_crashes_and_timeouts_are_tried_a_few_times_further_and_further_apart(fault: ModelFault) -> None:
    waits = [after(fault, count=count) for count in range(2, POLICY.fault_tries)]
    assert waits == [Defer(seconds) for seconds in DELAYS_SECONDS[: len(waits)]]
    assert after(fault, count=POLICY.fault_tries) == GiveUp()


def test_an_unreachable_model_is_waited_for_until_patience_ends() -> None:
    assert not isinstance(after(ModelUnavailable("x"), count=10_000, age=POLICY.patience_seconds - 1), GiveUp)
    assert after(ModelUnavailable("x"), age=POLICY.patience_seconds) == GiveUp()


@given(tries=st.integers(0, 10**6), jitter=st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_nothing_and_its_cap(tries: int, jitter: float) -> None:
    assert 0 <= backoff(tries, 0.2, 2.0, jitter) <= 2.0


def test_a_retry_waits_as_long_as_the_backoff_says() -> None:
    for count in (1, 2, 5):
        wait = backoff(count, POLICY.base_seconds, POLICY.cap_seconds, 0.5)
        assert after(ModelUnavailable("x"), count=count) == Retry(wait)
        assert after(ModelUnavailable("x"), count=count, elapsed=POLICY.budget_seconds - wait) == Retry(wait)
        assert after(ModelUnavailable("x"), count=count, elapsed=POLICY.budget_seconds - wait + 0.001) == Defer(2)


def test_each_five_calls_in_vain_take_the_next_longer_delay() -> None:
    waits = [after(ModelUnavailable("x"), count=count, elapsed=99) for count in range(1, 31)]
    assert waits == [Defer(seconds) for seconds in [*[2] * 5, *[5] * 5, *[15] * 5, *[60] * 15]]


def test_a_more_patient_policy_ends_at_the_longest_delay() -> None:
    patient = Policy(fault_tries=20)
    waits = [
        decide(ModelCrashed("x"), count=count, elapsed_seconds=0, age_seconds=0, policy=patient, jitter=0.5)
        for count in range(2, 20)
    ]
    assert waits == [Defer(seconds) for seconds in [*DELAYS_SECONDS, *[DELAYS_SECONDS[-1]] * 14]]
