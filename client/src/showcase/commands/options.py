"""The options and arguments that several commands share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from showcase.queries import Filters

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SHOWCASE_URL",
        metavar="URL",
        help="The server's address; `showcase --help` says which one it is by default.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the server's answer, one JSON value per line.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The submission's id.", show_default=False)]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="The submissions' ids.", show_default=False)]
Workflow = Annotated[str, typer.Argument(metavar="NAME", help="The workflow's name.", show_default=False)]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.", show_default=False)
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only in this state: queued, running, succeeded, failed or canceled.",
        show_default=False,
    ),
]
WorkflowName = Annotated[
    str | None, typer.Option("--workflow", "-w", metavar="NAME", help="Only of this workflow.", show_default=False)
]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        metavar="TIME",
        help="Created after: 2026-01-31T12:00:00Z, 2026-01-31, or 2h (ago).",
        show_default=False,
    ),
]
Before = Annotated[
    str | None,
    typer.Option("--before", metavar="TIME", help="Created before; format as in --after.", show_default=False),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata", "-m", metavar="NAME=VALUE", help="Only with this metadata; repeatable.", show_default=False
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, help="The longest wait; then exit with 5.")
]

URL = None
WAIT_SECONDS = 600.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_pairs(given: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE options as a mapping. Raises BadParameter."""
    read: dict[str, str] = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{each!r} is not NAME=VALUE.", param_hint="--metadata")
        read[name] = value
    return read


def parse_time(text: str | None, option: str, now: datetime | None = None) -> datetime | None:
    """Return the time of an option: RFC 3339, a local date, or an age (30m, 2h, 7d). Raises BadParameter."""
    if text is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
            return (now or datetime.now(UTC)) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is not a time. Write 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago."
        raise typer.BadParameter(message, param_hint=option) from error


def filters(
    state: str | None, workflow: str | None, after: str | None, before: str | None, metadata: list[str] | None
) -> Filters:
    return Filters(
        state=state,
        workflow=workflow,
        created_after=parse_time(after, "--after"),
        created_before=parse_time(before, "--before"),
        metadata=parse_pairs(metadata),
    )
