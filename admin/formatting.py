"""What an operator reads: dead letters and submissions' records, as tables or as values for JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from admin.dead_letter_reports import DeadLetterReport
from contracts.submissions.documents import Attempt, Gate, Step, Submission, Webhook

TEXT_KEPT = 400
"""Characters shown of one value; JSON holds it whole."""

ID_WIDTH = 36
"""Columns of a submission's id, which a narrow terminal must not cut: it is copied from there."""

Pairs = Iterable[tuple[str, str | None]]


def plain(text: str, kept: int = TEXT_KEPT) -> str:
    """One line for a terminal: what a stranger wrote must neither move the cursor nor fill the screen."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:kept])
    return f"{shown}… ({len(text)} characters)" if len(text) > kept else shown


def columns(*heads: str) -> Table:
    """Return an empty table without lines, so that other programs can read its rows as well."""
    table = Table(*heads, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    return table


def letters_table(reports: Iterable[DeadLetterReport]) -> Table:
    """Return a row for each letter."""
    table = columns("WHEN", "SUBMISSION", "WORKFLOW", "STATE", "WHY")
    table.columns[1].min_width = ID_WIDTH
    for report in reports:
        job = report.job
        cells = (
            _moment(report.letter.since, "seconds"),
            report.submission_id or "-",
            job.workflow if job else "-",
            report.state,
            report.why,
        )
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def letter_values(report: DeadLetterReport) -> dict[str, Any]:
    """Return a letter for JSON; what is not known is null."""
    job = report.job
    return {
        "submission_id": report.submission_id or None,
        "workflow": job.workflow if job else None,
        "version": job.version if job else None,
        "since": report.letter.since.isoformat() if report.letter.since else None,
        "reason": report.letter.reason or None,
        "why": report.why,
        "queue": report.letter.queue or None,
        "state": report.submission.state.value if report.submission else None,
        "missing_reason": report.missing_reason or None,
    }


def letter(report: DeadLetterReport) -> Table:
    """Return one letter in full: where it comes from, why it is there, and its body as it is."""
    body = report.letter.body.decode("utf-8", "backslashreplace")
    return _pairs(
        [
            ("dead letter", f"since {_moment(report.letter.since)}"),
            ("about", report.submission_id or "no submission that it names"),
            ("came from", report.letter.queue or "no queue that is recorded"),
            ("why", report.why),
            ("body", f"{len(report.letter.body)} bytes: {body}"),
        ]
    )


def record_values(submission: Submission) -> dict[str, Any]:
    """Return the record for JSON, with the names that the store uses. Absent values are left out."""
    return submission.model_dump(mode="json", by_alias=True, exclude_none=True)


def record(submission: Submission) -> Group:
    """Return the record for a reader: the submission, then every step with its gate, output and attempts."""
    image, lease = submission.input, submission.lease
    table = _pairs(
        [
            ("submission", submission.id),
            ("workflow", f"{submission.workflow.name} {submission.workflow.version}"),
            ("state", submission.state.value),
            ("reason", submission.reason),
            ("image", f"{image.file_name} ({image.media_type}, {image.width} x {image.height}, {image.bytes} bytes)"),
            ("created", _moment(submission.created_at)),
            ("published", _moment_or_none(submission.published_at)),
            ("not before", _moment_or_none(submission.not_before)),
            ("started", _moment_or_none(submission.started_at)),
            ("ended", _moment_or_none(submission.ended_at)),
            ("next check", _moment_or_none(submission.due_at)),
            ("expires", _moment_or_none(submission.expires_at)),
            ("lease", f"{lease.owner} until {_moment(lease.until)}" if lease else None),
            ("fence", f"{submission.fence}, leases lost: {submission.lost_leases}"),
            ("webhook", _webhook(submission.webhook) if submission.webhook else None),
            ("metadata", _json(submission.metadata) if submission.metadata else None),
            ("result", _json(submission.result) if submission.result is not None else None),
            ("artifacts", ", ".join(f"{each.name} ({each.bytes} bytes)" for each in submission.artifacts) or None),
        ]
    )
    steps = [part for step in submission.steps for part in _step(step)]
    return Group(table, *steps)


def _step(step: Step) -> Iterator[RenderableType]:
    yield ""
    yield Text(f"step {plain(step.name)}: {step.state.value}, model {plain(str(step.model))}", style="bold")
    values = [
        ("gate", _gate(step.gate) if step.gate else None),
        ("output", _json(step.output) if step.output is not None else None),
        ("tries", f"{step.tries}" + (f", the latest {len(step.attempts)}:" if step.tries else "")),
    ]
    yield _indented(_pairs(values), 2)
    if step.attempts:
        attempts = Table.grid(padding=(0, 2, 0, 0))
        for attempt in step.attempts:
            attempts.add_row(*(Text(plain(cell), overflow="fold") for cell in _attempt(attempt)))
        yield _indented(attempts, 4)


def _webhook(webhook: Webhook) -> str:
    when = [("next", webhook.due_at), ("sent", webhook.sent_at)]
    times = "".join(f", {name} {_moment(time)}" for name, time in when if time)
    latest = webhook.attempts[-1] if webhook.attempts else None
    return f"{webhook.url}{times}" + (f", last: {latest.error or latest.status}" if latest else "")


def _gate(gate: Gate) -> str:
    value = "unknown" if gate.value is None else "true" if gate.value else "false"
    inputs = f", inputs: {_json(gate.inputs)}" if gate.inputs else ""
    return f"{gate.expression} -> {value}{inputs}" + (f" ({gate.reason})" if gate.reason else "")


def _attempt(attempt: Attempt) -> tuple[str, ...]:
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return _moment(attempt.started_at), f"{seconds:.3f} s", attempt.server or "-", attempt.error or "ok"


def _pairs(rows: Pairs) -> Table:
    """Return a line for each (name, value), aligned; what is None is left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        if value is not None:
            table.add_row(Text(name, style="bold", no_wrap=True), Text(plain(value), overflow="fold"))
    return table


def _indented(table: Table, by: int) -> Padding:
    return Padding(table, (0, 0, 0, by), expand=False)


def _moment(time: datetime | None, precision: str = "milliseconds") -> str:
    return time.isoformat(" ", precision).replace("+00:00", "Z") if time else "-"


def _moment_or_none(time: datetime | None) -> str | None:
    return _moment(time) if time else None


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
