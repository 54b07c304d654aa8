"""Show a submission's progress on standard error: a line per event, and on a terminal the current state below."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status

from showcase.client import Client
from showcase.commands import formatting
from showcase.commands.output import error_console, printable
from showcase.resources import Event, Submission

TRANSIENT_STATES = frozenset({"queue", "queued", "running"})


def follow(client: Client, submission: Submission, timeout: float, label: str) -> Submission:
    """Wait until the submission has ended, and print every event. Raises WaitTimedOut and the errors of a request."""
    console = error_console()
    prefix = f"{printable(label)}: " if label else ""
    if not console.is_terminal:
        return client.wait(submission.id, timeout, on_event=lambda event: console.print(_line(prefix, event)))
    with console.status(f"{prefix}{submission.state}") as status:
        return client.wait(submission.id, timeout, on_event=lambda event: _show(console, status, prefix, event))


def _show(console: Console, status: Status, prefix: str, event: Event) -> None:
    if event.type.rpartition(".")[2] in TRANSIENT_STATES:
        status.update(_line(prefix, event))
    else:
        console.print(_line(prefix, event))


def _line(prefix: str, event: Event) -> str:
    return prefix + printable(formatting.describe_event(event))
