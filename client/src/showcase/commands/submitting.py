"""The command ``showcase submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import formatting, options
from showcase.commands.exit_codes import DONE, INTERRUPTED, exit_code_of, exit_code_of_submission
from showcase.commands.files import file_stems, write_artifacts
from showcase.commands.output import error_console, output_console, print_error, print_json, print_pairs, printable
from showcase.commands.progress import follow
from showcase.errors import ShowcaseError, Unreachable
from showcase.resources import Submission

Sent = tuple[Path, Submission]


def submit(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="PNG or JPEG files.", show_default=False)],
    workflow: Annotated[
        str,
        typer.Option(
            "--workflow", "-w", metavar="NAME", help="The workflow; showcase workflows lists them.", show_default=False
        ),
    ],
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="vX.Y.Z", help="The workflow's version or an alias; default: stable."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", metavar="NAME=VALUE", help="A label to find the submission by; repeatable."),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help="The address to notify when the submission has ended."),
    ] = None,
    retention_days: Annotated[
        float | None, typer.Option("--retention-days", metavar="DAYS", help="How long the server keeps the submission.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show each step and print the result.")] = False,
    timeout: options.Timeout = options.WAIT_SECONDS,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="With --wait: the folder for <image>.mask.png and others."),
    ] = Path(),
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Submit images to a workflow.

    With --wait, prints each step on standard error, prints the result, and saves its pictures as <image>.mask.png and
    <image>.overlay.png. When one image fails or is refused, the command continues with the others.
    """
    pairs = options.parse_pairs(metadata)
    sent: list[Sent] = []
    code = DONE
    with Client(url) as client:
        try:
            for image in images:
                try:
                    submission = client.submit(image, workflow, version, pairs, webhook, retention_days=retention_days)
                except ShowcaseError as error:
                    code = _report(image, error, code, alone=len(images) == 1)
                    if isinstance(error, Unreachable):
                        break
                    continue
                sent.append((image, submission))
                if not wait:
                    _print_queued(image, submission, as_json=json)
            if wait:
                code = _follow_all(client, sent, timeout, out, code, as_json=json)
            elif sent and not json:
                error_console().print(f"To follow it: showcase watch {sent[-1][1].id}")
        except KeyboardInterrupt:
            _report_interrupt(sent)
            raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(code)


def _follow_all(client: Client, sent: list[Sent], timeout: float, out: Path, code: int, *, as_json: bool) -> int:
    for (image, submission), name in zip(sent, file_stems(sent), strict=True):
        written: dict[str, Path] = {}
        try:
            ended = follow(client, submission, timeout, label=str(image) if len(sent) > 1 else "")
        except ShowcaseError as error:
            code = _report(image, error, code, alone=len(sent) == 1)
            continue
        code = code or exit_code_of_submission(ended)
        try:
            written = write_artifacts(client, ended, out, name)
        except ShowcaseError as error:
            # The result exists nevertheless, and is printed below.
            code = _report(image, error, code, alone=len(sent) == 1)
        if as_json:
            print_json(ended.raw)
        else:
            _print_ended(image, ended, written)
    return code


def _report(image: Path, error: ShowcaseError, code: int, *, alone: bool) -> int:
    """Print an image's error and return the exit code, which the first error determines."""
    if not alone:
        error_console().print(f"{printable(str(image))}:")
    print_error(error)
    return code or exit_code_of(error)


def _print_queued(image: Path, submission: Submission, *, as_json: bool) -> None:
    if as_json:
        print_json(submission.raw)
    else:
        output_console().print(f"{submission.id}  {submission.state}  {printable(str(image))}")


def _print_ended(image: Path, ended: Submission, written: dict[str, Path]) -> None:
    output_console().print(f"{ended.id}  {ended.state} in {formatting.duration(ended)}  {printable(str(image))}")
    shown = {name: formatting.value(each) for name, each in (ended.result or {}).items()}
    for name, each in (ended.result or {}).items():
        artifact = each.get("artifact") if isinstance(each, dict) else None
        if artifact in written:
            shown[name] = str(written.pop(artifact))
    shown |= {name: str(path) for name, path in written.items()}
    print_pairs([("reason", ended.reason if not ended.succeeded else None), *shown.items()], indent=2)


def _report_interrupt(sent: list[Sent]) -> None:
    console = error_console()
    console.print("Interrupted.")
    if sent:
        console.print("The submissions continue. To see or stop one: showcase show ID, showcase cancel ID")
        for image, submission in sent:
            console.print(f"  {submission.id}  {printable(str(image))}")
