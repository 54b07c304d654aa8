"""The commands ``showcase download`` and ``showcase export``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.files import write_artifacts
from showcase.commands.output import error_console, output_console, print_json
from showcase.saving import save

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}


class Format(StrEnum):
    ndjson = "ndjson"
    csv = "csv"


def download(
    submission_id: options.Id,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder for the files.")] = Path(),
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Save a submission's image and its artifacts as <id>.input.png, <id>.mask.png and <id>.overlay.png."""
    with Client(url) as client:
        submission = client.get(submission_id)
        out.mkdir(parents=True, exist_ok=True)
        input_path = out / f"{submission.id}.input{SUFFIXES.get(submission.input.media_type, '')}"
        save([client.input(submission.id)], input_path)
        written = {"input": input_path, **write_artifacts(client, submission, out, submission.id)}
    if json:
        print_json({name: str(path) for name, path in written.items()})
    else:
        for path in written.values():
            output_console().print(f"{path}  {formatting.size(path.stat().st_size)}")


def export(
    format_: Annotated[
        Format, typer.Option("--format", "-f", help="One JSON object per line, or a table.")
    ] = Format.ndjson,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; default: standard output.")
    ] = None,
    state: options.State = None,
    workflow: options.WorkflowName = None,
    after: options.After = None,
    before: options.Before = None,
    metadata: options.Metadata = None,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Export all submissions, or those that match, while they arrive.

    A file appears only when the export is complete. With --json and --out, prints the file's name and size as JSON.
    """
    filters = options.filters(state, workflow, after, before, metadata)
    with Client(url) as client:
        written = client.export(out or sys.stdout.buffer, format_.value, **filters)
    if out is not None and json:
        print_json({"file": str(out), "bytes": written, "format": format_.value})
    elif out is not None:
        error_console().print(f"{out}: {formatting.size(written)}.")
