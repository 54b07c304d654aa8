"""Gates and outputs: values, skips and what cannot be decided."""

from __future__ import annotations

import pytest

from contracts.workflows.expressions import compile_expression
from orchestrator.planning.gates import Unevaluable, evaluate, evaluate_gate, inputs_of


def test_a_gate_keeps_its_expression_its_value_and_what_it_saw() -> None:
    gate = evaluate_gate(
        compile_expression("a.label == 'x' && a.score > 0.5"), {"a": {"label": "x", "score": 0.4, "other": 1}}
    )
    assert gate.value is False
    assert gate.expression == "a.label == 'x' && a.score > 0.5"
    assert gate.inputs == {"a": {"label": "x", "score": 0.4}}


def test_a_gate_over_a_skipped_step_closes_and_says_which() -> None:
    gate = evaluate_gate(compile_expression("a.label == 'x'"), {"a": None})
    assert gate.value is None
    assert gate.reason == "it needs a, which was skipped"


def test_a_gate_may_ask_whether_a_skipped_step_answered() -> None:
    assert evaluate_gate(compile_expression("has(a.label)"), {"a": None}).value is False
    assert evaluate_gate(compile_expression("!has(a.label)"), {"a": None}).value is True


@pytest.mark.parametrize("source", ["a.missing == 1", "a.label > 3", "a.label.size() / 0 == 1", "a.label"])
def test_a_gate_without_a_truth_value_cannot_be_decided(source: str) -> None:
    with pytest.raises(Unevaluable) as caught:
        evaluate_gate(compile_expression(source), {"a": {"label": "x"}})
    assert caught.value.skipped is None


def test_outputs_keep_their_types() -> None:
    outputs = {"a": {"digit": 7, "score": 0.5, "list": [1, "b"], "mask": {"artifact": "mask.png"}}}
    assert evaluate(compile_expression("a.digit"), outputs) == 7
    assert evaluate(compile_expression("a.list"), outputs) == [1, "b"]
    assert evaluate(compile_expression("a.mask"), outputs) == {"artifact": "mask.png"}


def test_text_that_looks_like_a_path_is_not_a_value_seen() -> None:
    outputs: dict[str, dict[str, object]] = {"a": {"label": "b.c"}, "b": {"c": 1, "d": 2}}
    expression = compile_expression("a.label == 'b.c' && b.d == 2 // b.e")
    assert inputs_of(expression, outputs) == {"a": {"label": "b.c"}, "b": {"d": 2}}


@pytest.mark.parametrize("value", [1, "yes", None])
def test_a_gate_that_is_neither_true_nor_false_says_what_it_is(value: object) -> None:
    with pytest.raises(Unevaluable, match="neither true nor false") as caught:
        evaluate_gate(compile_expression("a.go"), {"a": {"go": value}})
    assert str(caught.value) == f"'a.go' is {value!r}, neither true nor false"
    assert caught.value.skipped is None
