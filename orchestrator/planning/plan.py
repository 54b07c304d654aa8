"""The plan: from a workflow and the outcomes so far, the next calls, the skips, or the end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.submissions.documents import Gate, Step
from contracts.submissions.states import StepState
from contracts.workflows.definition import StepSpec, Workflow
from orchestrator.planning.gates import Outputs, Unevaluable, evaluate, evaluate_gate


@dataclass
class Plan:
    """What to do next. ``result`` or ``failure`` is set when nothing is left to do.

    ``calls``: the steps to call now, each with its gate; ``skips``: the steps that will not run, each with its gate.
    """

    calls: list[tuple[StepSpec, Gate | None]] = field(default_factory=list)
    skips: list[tuple[str, Gate]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    failure: str | None = None


def make_plan(workflow: Workflow, steps: Sequence[Step], under_way: frozenset[str] = frozenset()) -> Plan:
    """Plan from the steps' recorded states; ``under_way`` names the steps that this owner is calling.

    A step that is recorded as running and is not under way was left by an owner that stopped: it is called again.
    """
    plan = Plan()
    state = {step.name: step.state for step in steps}
    outputs: dict[str, dict[str, Any] | None] = {
        step.name: step.output if step.state is StepState.SUCCEEDED else None for step in steps
    }
    failed = next((step for step in steps if step.state is StepState.FAILED), None)
    if failed is not None:
        plan.failure = failure_of(failed)
        return plan
    waiting = [spec for spec in workflow.steps if not state[spec.name].settled and spec.name not in under_way]
    progress = True
    while progress:  # a skipped step may settle the gate of another one: at most one round for each step
        progress = False
        for spec in list(waiting):
            if not all(state[name].settled for name in spec.needs):
                continue
            waiting.remove(spec)
            progress = True
            try:
                gate = evaluate_gate(spec.when, outputs) if spec.when else None
            except Unevaluable as error:
                plan.failure = f"The gate of step {spec.name} could not be decided: {error}."
                return plan
            if gate is None or gate.value:
                plan.calls.append((spec, gate))
            else:
                plan.skips.append((spec.name, gate))
                state[spec.name] = StepState.SKIPPED
    if not plan.calls and not under_way:
        _finish(plan, workflow, outputs)
    return plan


def failure_of(step: Step) -> str:
    """Return the failure's reason, as a sentence, from the record of the step that failed."""
    tries = f" after {step.tries} tries" if step.tries > 1 else ""
    error = next((attempt.error for attempt in reversed(step.attempts) if attempt.error), "its model gave no answer.")
    return f"The step {step.name} failed{tries}: {error}"


def _finish(plan: Plan, workflow: Workflow, outputs: Outputs) -> None:
    result: dict[str, Any] = {}
    for name, expression in workflow.output.items():
        try:
            result[name] = evaluate(expression, outputs)
        except Unevaluable as error:
            if error.skipped is None:
                plan.failure = f"The output {name} could not be read: {error}."
                return
    plan.result = result
