"""``showcase cancel``, ``retry`` and ``delete``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import options
from showcase.commands.exit_codes import DONE, code_of
from showcase.commands.output import complain, print_json, results
from showcase.errors import ShowcaseError
from showcase.resources import Submission


def cancel(submission_ids: options.Ids, json: options.Json = False, url: options.Url = options.URL) -> None:
    """Cancel submissions that have not ended."""
    with Client(url) as client:
        _each(submission_ids, client.cancel, as_json=json)


def retry(submission_ids: options.Ids, json: options.Json = False, url: options.Url = options.URL) -> None:
    """Put submissions that failed or were canceled to work again, from the last step that succeeded."""
    with Client(url) as client:
        _each(submission_ids, client.retry, as_json=json)


def delete(
    submission_ids: options.Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Delete submissions with their images and results, for good."""
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("Deleting is for good; without a terminal to ask on, give --yes.")
        typer.confirm(f"Delete {len(submission_ids)} with all images and results?", abort=True, err=True)
    with Client(url) as client:
        _each(submission_ids, client.delete, as_json=json)


def _each(submission_ids: list[str], move: Callable[[str], Submission | None], *, as_json: bool) -> None:
    """Do it to each; what is refused does not keep the others. The first refusal gives the exit code."""
    code = DONE
    for submission_id in submission_ids:
        try:
            moved = move(submission_id)
        except ShowcaseError as error:
            complain(error)
            code = code or code_of(error)
            continue
        if as_json:
            print_json(moved.raw if moved else {"id": submission_id, "deleted": True})
        else:
            results().print(f"{moved.id if moved else submission_id}  {moved.state if moved else 'deleted'}")
    raise typer.Exit(code)
