"""Each kind of fault is counted by itself, over every owner and restart: no kind uses up another's tries."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import ModelCrashed, ModelFault, ModelNotLoaded, ModelTimeout, ModelUnavailable
from contracts.submissions.documents import ModelRef, from_document, to_document
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState
from orchestrator.execution.model_calls import Caller
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.planning.retries import Policy
from tests.support.factories import make_submission, make_workflow
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
