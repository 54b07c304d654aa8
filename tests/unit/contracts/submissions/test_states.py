"""Which state may follow which."""

from __future__ import annotations

from itertools import product

import pytest

from contracts.errors import IllegalMove
from contracts.submissions.states import StepState, SubmissionState

LEGAL = {
    ("queued", "running"),
    ("queued", "canceled"),
    ("running", "queued"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "canceled"),
    ("failed", "queued"),
    ("canceled", "queued"),
}


@pytest.mark.parametrize(("before", "after"), list(product(SubmissionState, SubmissionState)))
def test_only_the_drawn_moves_are_legal(before: SubmissionState, after: SubmissionState) -> None:
    assert before.may_become(after) == ((before, after) in LEGAL)
    if (before, after) in LEGAL:
        assert before.become(after) is after
    else:
        with pytest.raises(IllegalMove, match=f"is {before} cannot become {after}"):
            before.become(after)


@pytest.mark.parametrize("state", list(SubmissionState))
def test_a_state_is_terminal_when_the_work_has_ended(state: SubmissionState) -> None:
    assert state.terminal == (state in {"succeeded", "failed", "canceled"})
    assert state.retryable == (state in {"failed", "canceled"})


@pytest.mark.parametrize("state", list(StepState))
def test_a_step_is_settled_when_it_is_not_called_again(state: StepState) -> None:
    assert state.settled == (state in {"succeeded", "skipped", "failed"})
