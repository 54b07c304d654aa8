"""The plan: what runs next, what is skipped, when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.submissions.documents import Attempt, Step
from contracts.submissions.states import StepState
from contracts.workflows.definition import Workflow
from orchestrator.planning.plan import Plan, failure_of, make_plan
from tests.support.factories import GATED, NOW, ONE_STEP, make_workflow
from tests.support.strategies import workflow_files

DIAMOND = """
workflow: diamond
version: v1.0.0
input: {kind: image}
steps:
  a: {model: m@1.0}
  b: {model: m@1.0, when: a.go}
  c: {model: m@1.0, after: [a]}
  d: {model: m@1.0, when: b.ok || c.ok}
  e: {model: m@1.0, after: [b, c]}
output: {a: a.go, b: b.ok, d: d.ok}
"""


def steps_of(workflow: Workflow, **outputs: dict[str, Any]) -> list[Step]:
    steps = workflow.fresh_steps()
    for step in steps:
        if step.name in outputs:
            step.state = StepState.SUCCEEDED
            step.output = outputs[step.name]
    return steps


def calls(plan: Plan) -> list[str]:
    return [spec.name for spec, _ in plan.calls]


def test_a_fresh_submission_starts_with_the_steps_that_need_nothing() -> None:
    workflow = make_workflow(GATED)
    plan = make_plan(workflow, workflow.fresh_steps())
    assert calls(plan) == ["classification"]
    assert plan.skips == []


def test_an_open_gate_calls_and_keeps_the_gate() -> None:
    workflow = make_workflow(GATED)
    plan = make_plan(workflow, steps_of(workflow, classification={"label": "abnormality"}))
    assert calls(plan) == ["segmentation"]
    ((_, gate),) = plan.calls
    assert gate is not None
    assert gate.value is True


def test_a_closed_gate_skips_and_finishes_without_the_output() -> None:
    workflow = make_workflow(GATED)
    plan = make_plan(workflow, steps_of(workflow, classification={"label": "no_abnormality"}))
    assert calls(plan) == []
    (name, gate), *rest = plan.skips
    assert (name, rest) == ("segmentation", [])
    assert gate.inputs == {"classification": {"label": "no_abnormality"}}
    assert plan.result == {"label": "no_abnormality"}


def test_independent_steps_start_together() -> None:
    workflow = make_workflow(DIAMOND)
    assert calls(make_plan(workflow, steps_of(workflow, a={"go": True}))) == ["b", "c"]


def test_a_step_after_a_skipped_one_still_runs() -> None:
    workflow = make_workflow(DIAMOND)
    plan = make_plan(workflow, steps_of(workflow, a={"go": False}, c={"ok": True}))
    assert "e" in calls(plan)


def test_a_skip_closes_the_gates_that_need_it() -> None:
    workflow = make_workflow(
        ONE_STEP.replace(
            "output:",
            "  second: {model: m@1.0, when: recognition.x == 1}\n  third: {model: m@1.0, when: second.y == 1}\noutput:",
        )
    )
    plan = make_plan(workflow, steps_of(workflow, recognition={"x": 2, "digit": 1, "score": 1.0}))
    assert [name for name, _ in plan.skips] == ["second", "third"]
    assert plan.skips[1][1].reason == "it needs second, which was skipped"
    assert plan.result == {"digit": 1, "score": 1.0}


def test_a_step_left_running_by_a_dead_owner_is_called_again() -> None:
    workflow = make_workflow()
    steps = workflow.fresh_steps()
    steps[0].state = StepState.RUNNING
    assert calls(make_plan(workflow, steps)) == ["recognition"]
    assert calls(make_plan(workflow, steps, frozenset({"recognition"}))) == []


def test_what_a_step_answered_counts_only_if_it_succeeded() -> None:
    workflow = make_workflow(GATED)
    steps = steps_of(workflow, classification={"label": "abnormality"})
    steps[0].state = StepState.SKIPPED
    plan = make_plan(workflow, steps)
    assert (calls(plan), [name for name, _ in plan.skips], plan.result) == ([], ["segmentation"], {})


def test_a_failure_says_how_often_it_was_tried_if_more_than_once() -> None:
    step = make_workflow(GATED).fresh_steps()[0]
    assert failure_of(step) == "The step classification failed: its model gave no answer."
    step.record(Attempt(started_at=NOW, ended_at=NOW, error="it hung."))
    assert failure_of(step) == "The step classification failed: it hung."
    step.record(Attempt(started_at=NOW, ended_at=NOW))
    assert failure_of(step) == "The step classification failed after 2 tries: it hung."


def test_a_failed_step_ends_it() -> None:
    workflow = make_workflow(GATED)
    steps = workflow.fresh_steps()
    steps[0].state = StepState.FAILED
    for error in ("it hung.", "it crashed."):
        steps[0].record(Attempt(started_at=NOW, ended_at=NOW, error=error))
    plan = make_plan(workflow, steps)
    assert plan.failure == "The step classification failed after 2 tries: it crashed."
    assert plan.calls == []


def test_a_gate_that_cannot_be_decided_ends_it_with_a_reason() -> None:
    workflow = make_workflow(GATED)
    plan = make_plan(workflow, steps_of(workflow, classification={"other": 1}))
    assert str(plan.failure).startswith("The gate of step segmentation could not be decided")


def test_an_output_that_was_not_answered_ends_it_with_a_reason() -> None:
    workflow = make_workflow()
    plan = make_plan(workflow, steps_of(workflow, recognition={"digit": 7}))
    assert str(plan.failure).startswith("The output score could not be read")


@given(st.data())
def test_any_outcomes_lead_to_an_end_and_no_settled_step_is_called(data: st.DataObject) -> None:
    workflow = make_workflow(DIAMOND)
    steps = workflow.fresh_steps()
    for _ in range(len(steps) + 1):
        plan = make_plan(workflow, steps)
        settled = {step.name for step in steps if step.state.settled}
        assert settled.isdisjoint(calls(plan))
        assert settled.isdisjoint(name for name, _ in plan.skips)
        for name, _ in plan.skips:
            _named(steps, name).state = StepState.SKIPPED
        if plan.result is not None or plan.failure is not None:
            return
        assert plan.calls
        step = _named(steps, data.draw(st.sampled_from(calls(plan))))
        step.state = StepState.RUNNING
        assert step.name in calls(make_plan(workflow, steps)), "its owner died: it is called again"
        step.state = data.draw(st.sampled_from([StepState.SUCCEEDED, StepState.FAILED]))
        if step.state is StepState.SUCCEEDED:
            step.output = {"go": data.draw(st.booleans()), "ok": data.draw(st.booleans())}
    pytest.fail("more rounds than steps")


@given(st.data())
def test_any_workflow_ends_and_calls_together_what_may_be_called(data: st.DataObject) -> None:
    """Each round settles one of the calls under way, in any order, as the engine does."""
    workflow = make_workflow(data.draw(workflow_files()))
    steps = workflow.fresh_steps()
    under_way: set[str] = set()
    for _ in range(len(steps) + 1):
        plan = make_plan(workflow, steps, frozenset(under_way))
        for name, gate in plan.skips:
            assert not gate.value
            _named(steps, name).state = StepState.SKIPPED
        if plan.failure is not None:
            return
        under_way |= set(calls(plan))
        settled = {step.name for step in steps if step.state.settled}
        assert under_way.isdisjoint(settled)
        # Whatever is neither settled nor called waits for a step that is not settled: nothing waits for nothing.
        for spec in workflow.steps:
            if spec.name not in settled | under_way:
                assert not spec.needs <= settled
            elif spec.name in calls(plan):
                assert spec.needs <= settled
        if plan.result is not None:
            assert settled == {step.name for step in steps}
            ran = {step.name for step in steps if step.state is StepState.SUCCEEDED}
            assert plan.result.keys() == {f"{name}_number" for name in ran}
            return
        assert under_way
        name = data.draw(st.sampled_from(sorted(under_way)))
        under_way.remove(name)
        step = _named(steps, name)
        step.state, step.output = StepState.SUCCEEDED, {"go": data.draw(st.booleans()), "number": 1}
    pytest.fail("more rounds than steps")


@given(st.data())
def test_a_gate_that_needs_a_skipped_step_closes_and_what_only_waits_for_it_runs(data: st.DataObject) -> None:
    names = ["a", "b", "c", "d"]
    needs = {name: data.draw(st.sampled_from(names[:number])) for number, name in enumerate(names) if number}
    gated = {name for name in needs if data.draw(st.booleans())}
    lines = [
        f"  {name}: {{model: m@1.0, {f'when: {other}.go' if name in gated else f'after: [{other}]'}}}"
        for name, other in needs.items()
    ]
    head = ["workflow: chain", "version: v1.0.0", "input: {kind: image}", "steps:", "  a: {model: m@1.0}"]
    workflow = make_workflow("\n".join([*head, *lines, "output: {a: a.go}", ""]))
    steps = workflow.fresh_steps()
    for _ in range(len(steps) + 1):
        plan = make_plan(workflow, steps)
        for name, _ in plan.skips:
            _named(steps, name).state = StepState.SKIPPED
        for name in calls(plan):
            _named(steps, name).state = StepState.SUCCEEDED
            _named(steps, name).output = {"go": False}  # so that every gate is closed, by a value or by a skip
    assert {step.name for step in steps if step.state is StepState.SKIPPED} == gated
    assert {step.name for step in steps if step.state is StepState.SUCCEEDED} == set(names) - gated


def _named(steps: list[Step], name: str) -> Step:
    return next(step for step in steps if step.name == name)
