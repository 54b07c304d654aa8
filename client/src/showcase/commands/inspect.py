"""The commands ``showcase list``, ``showcase show`` and ``showcase watch``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from showcase.client import PAGE_SIZE, Client
from showcase.commands import formatting, options
from showcase.commands.exit_codes import exit_code_of_submission
from showcase.commands.output import error_console, output_console, print_json, print_pairs, print_table, printable
from showcase.resources import Step, Submission


def list_(
    state: options.State = None,
    workflow: options.WorkflowName = None,
    after: options.After = None,
    before: options.Before = None,
    metadata: options.Metadata = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="Show at most N.")] = 20,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """List submissions, newest first."""
    filters = options.filters(state, workflow, after, before, metadata)
    with Client(url) as client:
        # One more than the limit shows whether there are more.
        found = client.list(page_size=min(limit + 1, PAGE_SIZE), **filters)
        if json:
            for each in islice(found, limit):
                print_json(each.raw)
            return
        shown = list(islice(found, limit))
        more = next(found, None) is not None
    if not shown:
        error_console().print("No submission matches.")
        return
    rows = [
        (
            formatting.timestamp(each.created_at),
            each.id,
            f"{each.workflow.name} {each.workflow.version}",
            each.state,
            formatting.duration(each),
            formatting.summary(each),
        )
        for each in shown
    ]
    print_table(("CREATED", "ID", "WORKFLOW", "STATE", "DURATION", "RESULT"), rows)
    if more:
        error_console().print("There are more: raise --limit, or use showcase export.")


def show(submission_id: options.Id, json: options.Json = False, url: options.Url = options.URL) -> None:
    """Show one submission with its record: every step, its gate and the gate's inputs, its attempts and its output.

    With --json, prints the record as the server stores it.
    """
    with Client(url) as client:
        record = client.record(submission_id)
        if json:
            print_json(record.raw)
            return
        submission = client.get(submission_id)
    _print_submission(submission)
    for step in record.steps:
        _print_step(step)


def watch(
    submission_id: options.Id,
    json: options.Json = False,
    url: options.Url = options.URL,
) -> None:
    """Print a submission's past and new events until it has ended.

    Resumes after a broken connection. Exits with 1 when the submission failed or was canceled.
    """
    with Client(url) as client:
        for event in client.events(submission_id):
            if json:
                print_json(event.raw)
            else:
                output_console().print(
                    f"{formatting.timestamp(event.at, 'milliseconds')}  {printable(formatting.describe_event(event))}"
                )
        submission = client.get(submission_id)
    if not json and submission.result is not None:
        print_pairs([(name, formatting.value(each)) for name, each in submission.result.items()], indent=2)
    raise typer.Exit(exit_code_of_submission(submission))


def _print_submission(submission: Submission) -> None:
    image = submission.input
    shape = f"{image.width} x {image.height}, " if image.width else ""
    print_pairs(
        [
            ("submission", submission.id),
            ("workflow", f"{submission.workflow.name} {submission.workflow.version}"),
            ("state", submission.state),
            ("reason", submission.reason),
            ("queue", formatting.summary(submission) if submission.queue else None),
            ("image", f"{image.file_name} ({image.media_type}, {shape}{formatting.size(image.bytes)})"),
            ("created", formatting.timestamp(submission.created_at, "milliseconds")),
            ("not before", formatting.timestamp(submission.not_before) if submission.not_before else None),
            ("started", formatting.timestamp(submission.started_at, "milliseconds") if submission.started_at else None),
            ("ended", _ended(submission)),
            ("expires", formatting.timestamp(submission.expires_at) if submission.expires_at else "never"),
            ("metadata", ", ".join(f"{name}={each}" for name, each in submission.metadata.items()) or None),
            ("result", formatting.summary(submission) if submission.result is not None else None),
            ("artifacts", _artifacts(submission)),
        ]
    )


def _ended(submission: Submission) -> str | None:
    if submission.ended_at is None:
        return None
    return f"{formatting.timestamp(submission.ended_at, 'milliseconds')} (after {formatting.duration(submission)})"


def _artifacts(submission: Submission) -> str | None:
    named = ", ".join(f"{each.name} ({formatting.size(each.bytes or 0)})" for each in submission.artifacts)
    return f"{named}; showcase download {submission.id}" if named else None


def _print_step(step: Step) -> None:
    output_console().print(
        f"\nstep {printable(step.name)}: {printable(step.state)}, model {printable(str(step.model))}", style="bold"
    )
    output = ", ".join(f"{name} {formatting.value(each)}" for name, each in (step.output or {}).items())
    hidden = f", the latest {len(step.attempts)}:" if step.tries > len(step.attempts) > 0 else ""
    print_pairs(
        [
            ("gate", formatting.describe_gate(step.gate) if step.gate else None),
            ("output", output or None),
            ("tries", f"{step.tries}{hidden}" if step.tries else None),
            *(("", formatting.describe_attempt(each)) for each in step.attempts),
        ],
        indent=2,
    )
