"""``showcase webhook``."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.output import notes, print_json, print_pairs
from showcase.resources import Delivery, Webhook


def webhook(
    submission_id: options.Id,
    replay: Annotated[bool, typer.Option("--replay", help="Have it sent again, now.")] = False,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Show who is told of a submission's end, and every attempt at it; or have it sent again."""
    with Client(url) as client:
        shown = client.webhook(submission_id)
        if replay and shown.id is not None:
            shown = client.replay(submission_id, shown.id)
        elif replay and shown.url is not None:
            notes().print("It is sent when the submission has ended; there is nothing to send again yet.")
    if json:
        print_json(shown.raw)
    elif shown.url is None:
        notes().print("It has no webhook. One is named with the image: showcase submit --webhook URL")
    else:
        _print(shown)


def _print(shown: Webhook) -> None:
    print_pairs(
        [
            ("webhook", shown.url),
            ("state", shown.state.replace("_", " ")),
            ("event", shown.id),
            ("due", formatting.moment(shown.due_at) if shown.due_at else None),
            ("sent", formatting.moment(shown.sent_at) if shown.sent_at else None),
            ("attempts", str(len(shown.attempts))),
            *(("", _attempt(each)) for each in shown.attempts),
        ]
    )


def _attempt(made: Delivery) -> str:
    answer = f"answered {made.status}" if made.status is not None else "no answer"
    return f"{formatting.moment(made.started_at, 'milliseconds')}  {answer}" + (f"  {made.error}" if made.error else "")
