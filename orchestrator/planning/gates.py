"""Gates and outputs: evaluate a workflow's expressions over the outputs of its steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.submissions.documents import Gate
from contracts.workflows.expressions import Expression

Outputs = Mapping[str, Mapping[str, Any] | None]
"""Each settled step's output by name; None for a step that was skipped."""


class Unevaluable(Exception):
    """An expression has no value. ``skipped`` names the skipped step that it needs, if that is the reason."""

    def __init__(self, message: str, skipped: str | None = None) -> None:
        super().__init__(message)
        self.skipped = skipped


def evaluate(expression: Expression, outputs: Outputs) -> Any:
    """Return the expression's value. A skipped step is an empty map, so that has(step.field) is false.

    Raises Unevaluable.
    """
    names = sorted(expression.names)
    try:
        return expression.program.execute({name: dict(outputs.get(name) or {}) for name in names})
    except Exception as error:
        skipped = next((name for name in names if outputs.get(name) is None), None)
        if skipped is not None:
            raise Unevaluable(f"it needs {skipped}, which was skipped", skipped) from error
        raise Unevaluable(
            f"{expression.source!r} has no value over {inputs_of(expression, outputs)} ({error})"
        ) from error


def evaluate_gate(expression: Expression, outputs: Outputs) -> Gate:
    """Return the gate with its value: true runs the step, false skips it. Raises Unevaluable.

    If the expression needs a skipped step, the gate's value is None and ``reason`` names that step.
    """
    inputs = inputs_of(expression, outputs)
    try:
        value = evaluate(expression, outputs)
    except Unevaluable as error:
        if error.skipped is None:
            raise
        return Gate(expression=expression.source, value=None, inputs=inputs, reason=str(error))
    if not isinstance(value, bool):
        raise Unevaluable(f"{expression.source!r} is {value!r}, neither true nor false")
    return Gate(expression=expression.source, value=value, inputs=inputs)


def inputs_of(expression: Expression, outputs: Outputs) -> dict[str, Any]:
    """Return the values of the fields that the expression selects: {"classification": {"label": "abnormality"}}."""
    found: dict[str, Any] = {}
    for name, field in expression.fields:
        found.setdefault(name, {})[field] = (outputs.get(name) or {}).get(field)
    return found
