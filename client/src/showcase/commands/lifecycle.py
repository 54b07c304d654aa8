"""The commands ``showcase cancel``, ``showcase retry`` and ``showcase delete``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import options
from showcase.commands.exit_codes import DONE, exit_code_of
from showcase.commands.output import output_console, print_error, print_json
from showcase.errors import ShowcaseError
from showcase.resources import Submission


def cancel(submission_ids: options.Ids, json: options.Json = False, url: options.Url = options.URL) -> None:
    """Cancel submissions that have not ended."""
    with Client(url) as client:
        _apply(submission_ids, client.cancel, as_json=json)


def retry(submission_ids: options.Ids, json: options.Json = False, url: options.Url = options.URL) -> None:
    """Queue failed or canceled submissions again, from the last step that succeeded."""
    with Client(url) as client:
        _apply(submission_ids, client.retry, as_json=json)


def delete(
    submission_ids: options.Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Delete submissions with their images and results. This cannot be undone."""
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter(
                "Deleting cannot be undone. Give --yes to delete without a terminal to confirm on."
            )
        typer.confirm(f"Delete {len(submission_ids)} submission(s) with all images and results?", abort=True, err=True)
    with Client(url) as client:
        _apply(submission_ids, client.delete, as_json=json)


def _apply(submission_ids: list[str], operation: Callable[[str], Submission | None], *, as_json: bool) -> None:
    """Apply the operation to each submission, also after a refusal. The first error determines the exit code."""
    code = DONE
    for submission_id in submission_ids:
        try:
            changed = operation(submission_id)
        except ShowcaseError as error:
            print_error(error)
            code = code or exit_code_of(error)
            continue
        if as_json:
            print_json(changed.raw if changed else {"id": submission_id, "deleted": True})
        else:
            output_console().print(
                f"{changed.id if changed else submission_id}  {changed.state if changed else 'deleted'}"
            )
    raise typer.Exit(code)
