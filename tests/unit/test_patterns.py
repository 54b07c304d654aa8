"""A regular expression says where a text ends with ``fullmatch`` or ``\\Z``: ``$`` lets a line break stand behind it.

pydantic's patterns are another engine's, whose ``$`` is the end; that it stays so is tested here too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.models.descriptions import Overlay
from gateway.api.requests.parsing import SubmissionFields
from runtime.settings import SharedSettings
from tests.support.checkout import CHECKOUT

FOLDERS = (
    "admin",
    "client/src",
    "contracts",
    "deploy",
    "gateway",
    "image_files",
    "orchestrator",
    "runtime",
    "services",
)
CALLS = {"compile", "match", "search", "finditer", "findall", "split", "sub"}
LINE_ENDS = {
    ("gateway/api/requests/parsing.py", "_WAIT"),  # the end of a part of a header, which holds no line break
}


def patterns_with_a_dollar(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name that a pattern is given, or "", and its line."""
    tree = ast.parse(path.read_text())
    names = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
            continue
        said = "".join(str(part.value) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
        if "$" in said.replace("\\$", ""):
            yield names.get(id(node), ""), node.lineno


def test_no_pattern_ends_before_a_line_break() -> None:
    found = {
        (str(path.relative_to(CHECKOUT)), name or str(line))
        for folder in FOLDERS
        for path in (CHECKOUT / folder).rglob("*.py")
        for name, line in patterns_with_a_dollar(path)
    }
    assert found == LINE_ENDS


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\0"])
def test_a_field_with_a_pattern_takes_no_line_break_behind_it(end: str) -> None:
    SubmissionFields(workflow="digits", metadata={"ward": "7"})
    with pytest.raises(ValidationError):
        SubmissionFields(workflow="digits", metadata={"ward" + end: "7"})
    with pytest.raises(ValidationError):
        Overlay(mask="mask", fill="#ff4040" + end)
    with pytest.raises(ValidationError):
        SharedSettings(mongo_database="showcase" + end)
