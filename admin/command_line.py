"""What the commands share: their options, their exit statuses, and where their output goes."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from admin.ports import System

PROGRAM = "python -m admin"

EXIT_STATUS = (
    "Exit status: 0 when it is done; 1 when there is nothing to show or to do, or when the database or the broker does "
    "not answer; 2 when the command or a setting is wrong."
)

NO_TERMINAL_WIDTH = 10_000
"""Columns of an output that is no terminal: enough for every row to stay one line, whatever its cells hold."""


class NothingToDo(Exception):
    """There is nothing to show or to do. Its text is the sentence that says why; the exit status is 1."""


def _submission_id(text: str | None) -> str | None:
    if text is not None and (not text.strip() or not text.isprintable()):
        raise typer.BadParameter("it is not a submission's id.")
    return text and text.strip()


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead, whole and without colours.")]
SubmissionId = Annotated[
    str, typer.Argument(metavar="ID", callback=_submission_id, help="The submission's id.", show_default=False)
]
OptionalSubmissionId = Annotated[
    str | None, typer.Argument(metavar="ID", callback=_submission_id, help="The submission's id.", show_default=False)
]


def command_group(purpose: str, epilog: str = EXIT_STATUS) -> typer.Typer:
    """Return an empty group of commands; a call without a command is an error like any other wrong one."""
    return typer.Typer(
        help=purpose, epilog=epilog, no_args_is_help=False, add_completion=False, rich_markup_mode="markdown"
    )


def system_of(context: typer.Context) -> System:
    """Return the running system, which ``run`` gave to the command."""
    system: System = context.obj
    return system


def show(*parts: RenderableType) -> None:
    """Print to standard output: in colours and as wide as the terminal, or plain and without wrapping."""
    terminal = sys.stdout.isatty()
    console = Console(
        force_terminal=terminal,  # else FORCE_COLOR colours what a program reads
        width=None if terminal else NO_TERMINAL_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as written:
        for part in parts:
            console.print(part, crop=False)
    # Rich fills the last column of a table with spaces.
    lines = written.get().split("\n")
    typer.echo("\n".join(lines if terminal else [line.rstrip() for line in lines]), nl=False)


def show_json(value: Any) -> None:
    """Print one JSON value to standard output."""
    typer.echo(json.dumps(value, indent=2))
