"""CEL expressions of workflow files: compile, and say which steps they name. Evaluation is the orchestrator's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import cel

MAX_LENGTH = 1000

_FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool", "bytes"}
    | {"type", "dyn", "has", "duration", "timestamp", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"}
    | {"getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "min", "max"}
)
"""The functions of CEL's standard definitions. cel-spec, doc/langdef.md, "List of Standard Definitions"."""

_FUNCTION_NAME = re.compile(r"^[A-Za-z]\w*$")
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")


class InvalidExpression(ValueError):
    """The expression does not compile; the message says why."""


@dataclass(frozen=True)
class Expression:
    """A compiled expression: its source, the program, and the names of the steps that it reads."""

    source: str
    names: frozenset[str]
    program: Any = field(compare=False, repr=False)


def compile_expression(source: str) -> Expression:
    """Compile one CEL expression. Raises InvalidExpression."""
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(f"an expression has at most {MAX_LENGTH} characters")
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise InvalidExpression(f"{source!r} is not valid CEL ({_first_line(error)})") from error
    references = program.references()
    # Operators are functions to CEL too, named _==_, !_ or @in.
    called = {name for name in references["functions"] if _FUNCTION_NAME.match(name)}
    unknown = sorted(called - _FUNCTIONS)
    if unknown:
        raise InvalidExpression(f"{source!r} calls {unknown[0]}(), which CEL does not have")
    # The library counts a macro's own variable among the names: in steps.exists(x, x > 1), x is none of ours.
    names = frozenset(references["variables"]) - macro_variables(source)
    return Expression(source, names, program)


def macro_variables(source: str) -> frozenset[str]:
    """Return the names that macros bind: x in steps.exists(x, x > 1)."""
    return frozenset(_MACRO_VARIABLE.findall(source))


def _first_line(error: Exception) -> str:
    text = str(error).partition("ERROR: <input>:")[2] or str(error)
    return text.splitlines()[0][:200]
