"""A submission's steps on standard error, a line each as it happens; on a terminal with what runs below them."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status

from showcase.client import Client
from showcase.commands import formatting
from showcase.commands.output import notes, plain
from showcase.resources import Event, Submission

STARTS = frozenset({"queue", "queued", "running"})


def follow(client: Client, submission: Submission, timeout: float, called: str) -> Submission:
    """Wait until it has ended, and tell every move. Raises WaitTimedOut, and what asking the server may raise."""
    console = notes()
    before = f"{plain(called)}: " if called else ""
    if not console.is_terminal:
        return client.wait(submission.id, timeout, told=lambda event: console.print(_line(before, event)))
    with console.status(f"{before}{submission.state}") as status:
        return client.wait(submission.id, timeout, told=lambda event: _told(console, status, before, event))


def _told(console: Console, status: Status, before: str, event: Event) -> None:
    if event.type.rpartition(".")[2] in STARTS:
        status.update(_line(before, event))
    else:
        console.print(_line(before, event))


def _line(before: str, event: Event) -> str:
    return before + plain(formatting.event(event))
