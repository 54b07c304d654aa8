"""Again, later or never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ModelCrashed, ModelNotLoaded, ModelRefused, ModelTimeout, ModelUnavailable
from contracts.messaging.topology import DELAYS_SECONDS
from orchestrator.planning.retries import Again, Defer, GiveUp, Policy, backoff, decide

POLICY = Policy()


def after(fault, tries=1, elapsed=0.0, age=0.0, chance=0.5):
    return decide(fault, tries=tries, elapsed_seconds=elapsed, age_seconds=age, policy=POLICY, chance=chance)


def test_what_was_refused_is_never_called_again():
    assert after(ModelRefused("no")) == GiveUp()


@pytest.mark.parametrize("fault", [ModelUnavailable("x"), ModelCrashed("x"), ModelTimeout("x"), ModelNotLoaded("x")])
def test_a_first_transient_fault_is_tried_again_in_the_thread(fault):
    assert isinstance(after(fault), Again)


def test_a_spent_budget_sets_aside():
    assert after(ModelUnavailable("x"), elapsed=POLICY.budget_seconds) == Defer(DELAYS_SECONDS[0])


def test_the_longer_it_lasts_the_longer_it_waits():
    waits = [after(ModelUnavailable("x"), tries=tries, elapsed=99).seconds for tries in range(1, 60)]
    assert waits == sorted(waits)
    assert set(waits) == set(DELAYS_SECONDS)


@pytest.mark.parametrize("fault", [ModelCrashed("x"), ModelTimeout("x"), ModelNotLoaded("x")])
def test_crashes_and_timeouts_are_tried_a_few_times_further_and_further_apart(fault):
    waits = [after(fault, tries=tries) for tries in range(2, POLICY.fault_tries)]
    assert waits == [Defer(seconds) for seconds in DELAYS_SECONDS[: len(waits)]]
    assert after(fault, tries=POLICY.fault_tries) == GiveUp()


def test_an_unreachable_model_is_waited_for_until_patience_ends():
    assert not isinstance(after(ModelUnavailable("x"), tries=10_000, age=POLICY.patience_seconds - 1), GiveUp)
    assert after(ModelUnavailable("x"), age=POLICY.patience_seconds) == GiveUp()


@given(tries=st.integers(0, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_nothing_and_its_cap(tries, chance):
    assert 0 <= backoff(tries, 0.2, 2.0, chance) <= 2.0
