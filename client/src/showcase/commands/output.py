"""Print results on standard output, and everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from showcase.errors import Refused, ShowcaseError

MAX_CHARACTERS = 400
"""The longest text shown of one value; --json prints the whole."""


def output_console() -> Console:
    return _console(stderr=False)


def error_console() -> Console:
    return _console(stderr=True)


def print_error(error: ShowcaseError | str) -> None:
    """Print the error's sentence, or with --json its fields."""
    if "--json" in sys.argv[1:] and isinstance(error, ShowcaseError):
        fields: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
        if isinstance(error, Refused):
            fields |= {"status": error.status, "code": error.code, "retry_after": error.retry_after}
            fields |= {name: value for name, value in error.extensions.items() if name not in fields}
        sys.stderr.write(json.dumps(fields) + "\n")
    else:
        sys.stderr.write(f"showcase: {printable(str(error), limit=4 * MAX_CHARACTERS)}\n")


def print_json(value: Any) -> None:
    """Print one value as JSON on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one line per row, in columns as wide as their widest cell."""
    cells = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    console = output_console()
    for style, row in [("bold", list(headings)), *((None, row) for row in cells)]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.print(Text(line, style=style or ""))


def print_pairs(pairs: Sequence[tuple[str, str | None]], indent: int = 0) -> None:
    """Print one line per value, aligned; leaves out values that are None."""
    shown = [(name, value) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    console = output_console()
    for name, value in shown:
        console.print(
            Text(" " * indent + name.ljust(width), style="bold").append(f"  {printable(value)}", style="not bold")
        )


def printable(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Return untrusted text as one line that cannot move a terminal's cursor or fill its screen."""
    cleaned = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:limit])
    return f"{cleaned}… ({len(text)} characters)" if len(text) > limit else cleaned


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width, and its reader expects unwrapped lines.
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)
