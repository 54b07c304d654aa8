"""Each kind of fault is counted by itself, over every owner and restart: no kind uses up another's tries."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from contracts.errors import (
    ModelCrashed,
    ModelFault,
    ModelNotLoaded,
    ModelTimeout,
    ModelUnavailable,
    ModelUnreachable,
)
from contracts.submissions.documents import ModelRef, from_document, to_document
from contracts.submissions.images import StoredImage
from contracts.submissions.states import ServedState, StepState
from orchestrator.execution.circuit_breakers import FAILURE_THRESHOLD
from orchestrator.execution.model_calls import Caller, CallOutcome
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.planning.retries import Defer, Policy
from tests.support.factories import encoded, make_submission, make_workflow
from tests.support.fakes import FakeClock

POLICY = Policy()
IMAGE = StoredImage("image/png", b"image")
KINDS: tuple[type[ModelFault], ...] = (ModelUnavailable, ModelCrashed, ModelTimeout, ModelNotLoaded)
Script = list[type[ModelFault]]
SCRIPTS = st.lists(st.sampled_from(KINDS), max_size=40)


class ScriptedModels:
    """Fails with each kind of fault in turn, and answers once the script is over."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls = 0

    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        self.calls += 1
        if self.calls <= len(self.script):
            raise self.script[self.calls - 1]("x")
        return {"digit": 1, "score": 1.0}, "http://model.test"


def met_until_failure(script: Script) -> Script | None:
    """Call a step until it ends; return the faults that it met if it failed, None if it succeeded.

    Each deferral is followed by another owner, which knows what is stored and nothing else.
    """
    workflow = make_workflow()
    submission = make_submission(workflow)
    models, clock = ScriptedModels(script), FakeClock()
    for _ in range(len(script) + 1):
        run = WorkflowRun(submission, workflow)
        (spec,), (step,) = workflow.steps, run.steps
        caller = Caller(models, clock, POLICY, uniform=lambda: 0.5)
        outcome = caller.call(
            spec, IMAGE, submission_id=submission.id, faults=step.faults, age_seconds=0.0, renew_lease=lambda: None
        )
        run.settle(spec, outcome)
        if step.state is StepState.SUCCEEDED:
            return None
        if step.state is StepState.FAILED:
            return script[: models.calls]
        submission = from_document(to_document(submission.model_copy(update={"steps": run.steps})))
    raise AssertionError("every owner calls at least once")


@given(SCRIPTS)
@example([ModelUnavailable] * 7 + [ModelTimeout])
@example([ModelUnavailable] * 7 + [ModelCrashed] * POLICY.fault_tries)
def test_a_step_fails_when_one_kind_has_used_up_its_own_tries(script: Script) -> None:
    counts: Counter[type[ModelFault]] = Counter()
    expected = None
    for number, kind in enumerate(script, start=1):
        counts[kind] += 1
        if kind is not ModelUnavailable and counts[kind] >= POLICY.fault_tries:
            expected = script[:number]
            break
    assert met_until_failure(script) == expected


@given(SCRIPTS)
def test_an_unreachable_model_changes_nothing_about_when_the_others_fail_it(script: Script) -> None:
    def others(faults: Script | None) -> Script | None:
        return None if faults is None else [kind for kind in faults if kind is not ModelUnavailable]

    alone = others(script)
    assert alone is not None
    assert others(met_until_failure(script)) == met_until_failure(alone)


def test_a_retry_counts_from_nothing() -> None:
    workflow = make_workflow()
    (step,) = workflow.fresh_steps()
    step.state, step.faults = StepState.FAILED, {ModelCrashed.code: POLICY.fault_tries}
    (again,) = make_submission(workflow, steps=[step]).renewed_steps()
    assert (again.faults, step.faults) == ({}, {ModelCrashed.code: POLICY.fault_tries})


LARGE = StoredImage("image/png", encoded(Image.new("L", (3000, 3000)), "PNG", compress_level=1))


def ask(caller: Caller, image: StoredImage, submission_id: str = "one", age_seconds: float = 0.0) -> CallOutcome:
    (spec,) = make_workflow().steps
    return caller.call(
        spec, image, submission_id=submission_id, faults={}, age_seconds=age_seconds, renew_lease=lambda: None
    )


class Nested:
    """Asks for a second picture while the first is with the model."""

    def __init__(self, inner: StoredImage) -> None:
        self.inner: StoredImage | None = inner
        self.caller = Caller(self, FakeClock(), POLICY)
        self.outcome: CallOutcome | None = None

    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        inner, self.inner = self.inner, None
        if inner is not None:
            self.outcome = ask(self.caller, inner, "two", age_seconds=7.0)
        return {"digit": 1, "score": 1.0}, "http://model.test"


def test_a_large_picture_is_deferred_while_another_one_is_with_the_model() -> None:
    models = Nested(LARGE)
    assert ask(models.caller, LARGE).answer is not None
    assert models.outcome is not None
    assert models.outcome.follows == Defer(2)
    assert models.outcome.attempts == []
    assert "another large picture" in str(models.outcome.fault)
    assert ask(models.caller, LARGE).answer is not None  # it is the next one's turn


@pytest.mark.parametrize(("first", "second"), [(IMAGE, LARGE), (LARGE, IMAGE), (IMAGE, IMAGE)])
def test_ordinary_pictures_wait_for_no_other(first: StoredImage, second: StoredImage) -> None:
    models = Nested(second)
    assert ask(models.caller, first).answer is not None
    assert models.outcome is not None
    assert models.outcome.answer is not None


def test_a_large_pictures_turn_ends_with_its_fault() -> None:
    crashes: Script = [ModelCrashed, ModelCrashed]
    caller = Caller(ScriptedModels(crashes), FakeClock(), POLICY)
    assert isinstance(ask(caller, LARGE).follows, Defer)
    assert ask(caller, LARGE).answer is not None


def test_large_pictures_that_crash_their_model_stop_no_ordinary_one() -> None:
    crashes: Script = [ModelCrashed for _ in range(2 * FAILURE_THRESHOLD)]
    caller = Caller(ScriptedModels(crashes), FakeClock(), POLICY)
    for number in range(FAILURE_THRESHOLD):
        assert ask(caller, LARGE, str(number)).answer is None
    assert "not called for a while" in str(ask(caller, LARGE, "new").fault)
    assert ask(caller, IMAGE).answer is not None
    (spec,) = make_workflow().steps
    assert caller.state(spec.model) is ServedState.ANSWERING


def test_a_model_that_has_large_pictures_alone_has_their_state() -> None:
    caller = Caller(ScriptedModels([]), FakeClock(), POLICY)
    (spec,) = make_workflow().steps
    assert caller.state(spec.model) is ServedState.UNTRIED
    ask(caller, LARGE)
    assert caller.state(spec.model) is ServedState.ANSWERING


@given(st.lists(st.sampled_from([ModelCrashed, ModelTimeout, ModelUnavailable]), max_size=40))
def test_a_picture_that_its_model_cannot_stand_stops_no_other(script: Script) -> None:
    models = ScriptedModels(script)
    caller = Caller(models, FakeClock(), POLICY)
    while models.calls < len(script):
        ask(caller, IMAGE, "killer")
    assert ask(caller, IMAGE, "another").answer is not None


def test_a_server_that_accepts_no_connection_is_left_alone_whoever_asks() -> None:
    models = ScriptedModels([ModelUnreachable] * 100)
    caller = Caller(models, FakeClock(), POLICY)
    while "not called for a while" not in str(ask(caller, IMAGE, "the only one").fault):
        assert models.calls <= FAILURE_THRESHOLD
    assert models.calls == FAILURE_THRESHOLD
