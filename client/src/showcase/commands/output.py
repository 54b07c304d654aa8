"""What is printed where: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from showcase.errors import Refused, ShowcaseError

TEXT_KEPT = 400
"""Characters shown of one value; --json prints it whole."""


def results() -> Console:
    return _console(stderr=False)


def notes() -> Console:
    return _console(stderr=True)


def complain(error: ShowcaseError | str) -> None:
    """Print the sentence, or its fields where --json was asked for."""
    if "--json" in sys.argv[1:] and isinstance(error, ShowcaseError):
        told: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
        if isinstance(error, Refused):
            told |= {"status": error.status, "code": error.code, "retry_after": error.retry_after}
        sys.stderr.write(json.dumps(told) + "\n")
    else:
        sys.stderr.write(f"showcase: {plain(str(error), kept=4 * TEXT_KEPT)}\n")


def print_json(value: Any) -> None:
    """Print one value on one line, as it came from the server."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a line a row, in columns as wide as their widest cell; the last one takes what it needs."""
    cells = [list(map(plain, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    console = results()
    for style, row in [("bold", list(heads)), *((None, row) for row in cells)]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.print(Text(line, style=style or ""))


def print_pairs(pairs: Sequence[tuple[str, str | None]], indent: int = 0) -> None:
    """Print a line a value, aligned; what is None is left out."""
    shown = [(name, value) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    console = results()
    for name, value in shown:
        console.print(
            Text(" " * indent + name.ljust(width), style="bold").append(f"  {plain(value)}", style="not bold")
        )


def plain(text: str, kept: int = TEXT_KEPT) -> str:
    """One line for a terminal: what a stranger wrote must neither move the cursor nor fill the screen."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:kept])
    return f"{shown}… ({len(text)} characters)" if len(text) > kept else shown


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width: a line stays a line for whatever reads it.
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)
