"""What an expression names: steps and their fields, and never a word inside a string or a comment."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.workflows.expressions import compile_expression, macro_variables

LITERALS = [
    "'y.label'",
    '"y.label"',
    r"'it\'s y.label'",
    r'''"\"y.label"''',
    r"'\\'",
    r"r'\'",
    'R"y.label"',
    "b'y.label'",
    r"""bR'\'""",
    "'''it's\ny.label'''",
    '"""say "y.label" now"""',
    "''",
    '""',
    "'// y.label'",
    "'y[\"label\"]'",
    "'.map(x, y.label)'",
]


@pytest.mark.parametrize("literal", LITERALS)
def test_a_literal_names_nothing(literal: str) -> None:
    expression = compile_expression(f"x.label == {literal} && z.score > 0.5")
    assert expression.names == {"x", "z"}
    assert expression.fields == (("x", "label"), ("z", "score"))


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.from_regex(r"[xyz.'(,]{1,20}", fullmatch=True)
)
def test_whatever_a_literal_holds_it_names_nothing(text: str) -> None:
    expression = compile_expression(f"x.label == {json.dumps(text, ensure_ascii=False)} && z.score > 0.5")
    assert expression.names == {"x", "z"}
    assert expression.fields == (("x", "label"), ("z", "score"))


def test_a_comment_names_nothing() -> None:
    expression = compile_expression("x.label // or y.label, or y.map(a, a)\n == 'a//b' && z.score > 1")
    assert expression.fields == (("x", "label"), ("z", "score"))


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("x . label\n== 'a'", (("x", "label"),)),
        ("has(x.label)", (("x", "label"),)),
        ("x.box.left > x.box.right", (("x", "box"),)),
        ("x.label.startsWith('y')", (("x", "label"),)),
        ("x['label'] == x[\"a'b\"]", (("x", "label"), ("x", "a'b"))),
        ("x[y.place] == 1", (("y", "place"),)),
        ("x.boxes.exists(box, box.score > y.least)", (("x", "boxes"), ("y", "least"))),
        ("{'x.label': x.score}.size() == 1", (("x", "score"),)),
        ("x == y", ()),
    ],
)
def test_the_fields_that_an_expression_selects(source: str, fields: tuple[tuple[str, str], ...]) -> None:
    assert compile_expression(source).fields == fields


def test_a_macro_in_a_literal_binds_nothing() -> None:
    assert macro_variables("x.label == '.map(x, 1)' && x.boxes.all(each, each > 1)") == {"each"}
