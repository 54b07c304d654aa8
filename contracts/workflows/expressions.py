"""CEL expressions of workflow files: compile, and say which steps and fields they name. The orchestrator evaluates."""

from __future__ import annotations

import re
from collections.abc import Iterator
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

_FUNCTION_NAME = re.compile(r"[A-Za-z]\w*")
_BINDING_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})

# The library exposes no syntax tree: a program knows which names it reads, and not which of their fields. Both are read
# from tokens here, so that a word in a string or in a comment is no name. Source: cel-spec, doc/langdef.md, "Syntax".
_TOKEN = re.compile(
    r"""
      (?P<comment> //[^\n]* )
    | [bB]? [rR] (?P<raw_quote> \"{3} | '{3} | " | ' ) [\s\S]*? (?P=raw_quote)
    | [bB]? (?P<quote> \"{3} | '{3} | " | ' ) (?: \\[\s\S] | [^\\] )*? (?P=quote)
    | \w+
    | \S
    """,
    re.VERBOSE | re.ASCII,
)


class InvalidExpression(ValueError):
    """The expression does not compile; the message says why."""


@dataclass(frozen=True)
class Expression:
    """A compiled expression: its source, the names of the steps that it reads, and the program.

    ``fields``: the (step, field) pairs that it selects, each once, in the order of the source.
    """

    source: str
    names: frozenset[str]
    fields: tuple[tuple[str, str], ...]
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
    called = {name for name in references["functions"] if _FUNCTION_NAME.fullmatch(name)}
    unknown = sorted(called - _FUNCTIONS)
    if unknown:
        raise InvalidExpression(f"{source!r} calls {unknown[0]}(), which CEL does not have")
    # The library counts a macro's own variable among the names: in steps.exists(x, x > 1), x is no step.
    names = frozenset(references["variables"]) - macro_variables(source)
    fields = dict.fromkeys(pair for pair in _selections(source) if pair[0] in names)
    return Expression(source, names, tuple(fields), program)


def macro_variables(source: str) -> frozenset[str]:
    """Return the names that macros bind: x in steps.exists(x, x > 1). The source must compile."""
    return frozenset(
        variable
        for dot, macro, bracket, variable, comma in _windows(source)
        if (dot, bracket, comma) == (".", "(", ",") and macro in _BINDING_MACROS
    )


def _selections(source: str) -> Iterator[tuple[str, str]]:
    """Yield (a, b) for each ``a.b`` and ``a["b"]`` that is neither a call nor a part of a longer path."""
    for before, name, sign, field_name, after in _windows(source):
        if before == ".":
            continue
        if sign == "." and after != "(":
            yield name, field_name
        elif sign == "[" and after == "]" and field_name[:1] in {"'", '"'}:
            yield name, str(cel.evaluate(field_name))


def _windows(source: str) -> Iterator[tuple[str, ...]]:
    """Yield each token with the one before it and the three after it, which are empty beyond the ends."""
    tokens = [match[0] for match in _TOKEN.finditer(source) if match["comment"] is None]
    padded = ["", *tokens, "", "", ""]
    return zip(*(padded[shift:] for shift in range(5)), strict=False)


def _first_line(error: Exception) -> str:
    text = str(error).partition("ERROR: <input>:")[2] or str(error)
    return text.splitlines()[0][:200]
