"""The command ``showcase webhook``."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.output import error_console, print_json, print_pairs
from showcase.resources import Delivery, Webhook


def webhook(
    submission_id: options.Id,
    replay: Annotated[bool, typer.Option("--replay", help="Send it again now.")] = False,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Show a submission's webhook and every delivery attempt, or send it again."""
    with Client(url) as client:
        current = client.webhook(submission_id)
        if replay and current.id is not None:
            current = client.replay(submission_id, current.id)
        elif replay and current.url is not None:
            error_console().print("The submission has not ended, so the webhook has not been sent yet.")
    if json:
        print_json(current.raw)
    elif current.url is None:
        error_console().print("The submission has no webhook. To name one: showcase submit --webhook URL")
    else:
        _print(current)


def _print(current: Webhook) -> None:
    print_pairs(
        [
            ("webhook", current.url),
            ("state", current.state.replace("_", " ")),
            ("event", current.id),
            ("due", formatting.timestamp(current.due_at) if current.due_at else None),
            ("sent", formatting.timestamp(current.sent_at) if current.sent_at else None),
            ("attempts", str(len(current.attempts))),
            *(("", _attempt(each)) for each in current.attempts),
        ]
    )


def _attempt(made: Delivery) -> str:
    answer = f"answered {made.status}" if made.status is not None else "no answer"
    return f"{formatting.timestamp(made.started_at, 'milliseconds')}  {answer}" + (
        f"  {made.error}" if made.error else ""
    )
