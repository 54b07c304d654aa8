"""Who works, who crashed, and which models can be called: decided by the age of reports."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.orchestrators.status import BreakerState, OrchestratorReport
from contracts.submissions.documents import ModelRef
from gateway.readiness.judgement import (
    CRASH_WINDOW,
    CRASHES,
    LOOKED_WITHIN,
    STABLE,
    WORKED_WITHIN,
    judge_models,
    judge_orchestrators,
)
from tests.support.factories import NOW
from tests.support.fake_orchestrators import model_report, working

SECOND = timedelta(seconds=1)
MODEL = ModelRef(name="m", version="1.0.0")


def crashed(count: int, *, swept: bool = True) -> list[OrchestratorReport]:
    """``count`` that ended by themselves, the last of them WORKED_WITHIN and a second ago."""
    ends = [NOW - WORKED_WITHIN - SECOND * (number + 1) for number in range(count)]
    return [
        working(end, [], _id=str(number), started_at=end - SECOND if swept else end, swept_at=end if swept else None)
        for number, end in enumerate(ends)
    ]


def test_one_that_swept_within_the_last_seconds_works() -> None:
    assert judge_orchestrators([working(NOW - WORKED_WITHIN, [])], NOW).reason is None
    found = judge_orchestrators([working(NOW - WORKED_WITHIN - SECOND, [])], NOW)
    assert (found.reason, found.working) == ("No orchestrator has done its work within the last 15 s.", ())


def test_one_that_has_not_swept_yet_does_not_work() -> None:
    assert judge_orchestrators([working(NOW, [], swept_at=None, started_at=NOW)], NOW).working == ()


def test_one_that_was_stopped_neither_works_nor_crashed() -> None:
    found = judge_orchestrators([working(NOW - WORKED_WITHIN * 2, [], stopped_at=NOW - WORKED_WITHIN * 2)], NOW)
    assert (found.working, found.crashes) == ((), 0)


@pytest.mark.parametrize("swept", [True, False])
def test_a_crash_loop_is_not_ready_although_one_works_at_the_moment(swept: bool) -> None:
    fresh = working(NOW, [], _id="fresh", started_at=NOW - STABLE + SECOND)
    loop = crashed(CRASHES, swept=swept)
    found = judge_orchestrators([*loop, fresh], NOW)
    assert found.crashes == CRASHES
    assert found.reason == (
        "The orchestrator keeps crashing: 5 times in the last 5 minutes, and none has run for 60 s."
    )
    assert judge_orchestrators([*loop[1:], fresh], NOW).reason is None


def test_a_crash_loop_ends_with_one_that_stays() -> None:
    stays = working(NOW, [], _id="stays", started_at=NOW - STABLE)
    found = judge_orchestrators([*crashed(50), stays], NOW)
    assert (found.reason, found.crashes) == (None, 50)


def test_crashes_of_long_ago_do_not_count() -> None:
    old = working(NOW - CRASH_WINDOW - WORKED_WITHIN - SECOND, [])
    assert judge_orchestrators([old], NOW).crashes == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"breaker": BreakerState.HALF_OPEN}, None),
        ({"breaker": BreakerState.OPEN}, "circuit breaker is open"),
        ({"reason": "it did not answer its ping within 2 s."}, "http://models"),
        ({"checked_at": NOW - LOOKED_WITHIN}, None),
        ({"checked_at": NOW - LOOKED_WITHIN - SECOND}, "has looked"),
        ({"checked_at": None}, "has looked"),
    ],
)
def test_a_model_can_be_called_if_a_recent_look_says_so(changes: dict[str, object], reason: str | None) -> None:
    (found,) = judge_models([MODEL], [working(NOW, [model_report(MODEL, NOW, **changes)])], NOW)
    assert found.reason is None if reason is None else reason in str(found.reason)


def test_one_orchestrator_that_can_call_a_model_is_enough() -> None:
    bad = model_report(MODEL, NOW, breaker=BreakerState.OPEN)
    reports = [working(NOW, [bad]), working(NOW, [model_report(MODEL, NOW)], _id="two")]
    (found,) = judge_models([MODEL], reports, NOW)
    assert found.reason is None


def test_a_model_that_nobody_reports_is_named() -> None:
    (found,) = judge_models([MODEL], [working(NOW, [])], NOW)
    assert (found.reason, found.report) == ("no orchestrator has reported it.", None)
