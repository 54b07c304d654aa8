"""What operators read: dead letters and submissions' records, as text or as values for JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from admin.dead_letter_reports import DeadLetterReport
from contracts.submissions.documents import Attempt, Gate, Step, Submission, Webhook

TEXT_KEPT = 400
"""Characters shown of one value; JSON holds it whole."""

_COLUMNS = ("WHEN", "SUBMISSION", "WORKFLOW", "STATE", "WHY")


def letters_table(reports: list[DeadLetterReport], waiting: int, order: str) -> str:
    """Return a line a letter, aligned, with a head and a foot."""
    if not waiting and not reports:
        return "No dead letters."
    rows = [_COLUMNS, *map(_row, reports)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    return "\n".join([*lines, f"{len(reports)} of {max(waiting, len(reports))} shown, {order} first."])


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
        "lack": report.missing_reason or None,
    }


def letter_text(report: DeadLetterReport) -> str:
    """Return one letter in full: where it comes from, why it lies there, and its body as it is."""
    body = report.letter.body.decode("utf-8", "backslashreplace")
    rows = [
        ("dead letter", f"since {_moment(report.letter.since)}"),
        ("about", report.submission_id or "no submission that it names"),
        ("came from", report.letter.queue or "no queue that is recorded"),
        ("why", report.why),
        ("body", f"{len(report.letter.body)} bytes: {body}"),
    ]
    return "\n".join(_pairs(rows))


def record_values(submission: Submission) -> dict[str, Any]:
    """Return the record for JSON, with the names that the store uses. Absent values are left out."""
    return submission.model_dump(mode="json", by_alias=True, exclude_none=True)


def record_text(submission: Submission) -> str:
    """Return the record for a reader: the submission, then every step with its gate, attempts and output."""
    given = submission.input
    lease = submission.lease
    rows: list[tuple[str, str | None]] = [
        ("submission", submission.id),
        ("workflow", f"{submission.workflow.name} {submission.workflow.version}"),
        ("state", submission.state.value),
        ("reason", submission.reason),
        ("image", f"{given.file_name} ({given.media_type}, {given.width} x {given.height}, {given.bytes} bytes)"),
        ("created", _moment(submission.created_at)),
        ("rung for", _moment(submission.published_at) if submission.published_at else None),
        ("not before", _moment(submission.not_before) if submission.not_before else None),
        ("started", _moment(submission.started_at) if submission.started_at else None),
        ("ended", _moment(submission.ended_at) if submission.ended_at else None),
        ("next look", _moment(submission.due_at) if submission.due_at else None),
        ("expires", _moment(submission.expires_at) if submission.expires_at else None),
        ("lease", f"{lease.owner} until {_moment(lease.until)}" if lease else None),
        ("fence", f"{submission.fence}, leases lost: {submission.lost_leases}"),
        ("webhook", _webhook(submission.webhook) if submission.webhook else None),
        ("metadata", _json(submission.metadata) if submission.metadata else None),
        ("result", _json(submission.result) if submission.result is not None else None),
        ("artifacts", ", ".join(f"{each.name} ({each.bytes} bytes)" for each in submission.artifacts) or None),
    ]
    return "\n\n".join(["\n".join(_pairs(rows)), *("\n".join(_step(step)) for step in submission.steps)])


def _row(report: DeadLetterReport) -> tuple[str, ...]:
    job = report.job
    cells = (
        _moment(report.letter.since, "seconds"),
        report.submission_id or "-",
        job.workflow if job else "-",
        report.state,
        report.why,
    )
    return tuple(map(_plain, cells))


def _step(step: Step) -> Iterator[str]:
    yield f"step {_plain(step.name)}: {step.state.value}, model {_plain(str(step.model))}"
    rows: list[tuple[str, str | None]] = [
        ("gate", _gate(step.gate) if step.gate else None),
        ("output", _json(step.output) if step.output is not None else None),
        ("tries", f"{step.tries}" + (f", the latest {len(step.attempts)}:" if step.tries else "")),
    ]
    for line in _pairs(rows):
        yield "  " + line
    for attempt in step.attempts:
        yield "    " + _attempt(attempt)


def _webhook(webhook: Webhook) -> str:
    when = [("next", webhook.due_at), ("sent", webhook.sent_at)]
    told = "".join(f", {name} {_moment(time)}" for name, time in when if time)
    latest = webhook.attempts[-1] if webhook.attempts else None
    return f"{webhook.url}{told}" + (f", last: {latest.error or latest.status}" if latest else "")


def _gate(gate: Gate) -> str:
    came_to = "it cannot be told" if gate.value is None else "true" if gate.value else "false"
    seen = f", seen: {_json(gate.inputs)}" if gate.inputs else ""
    return f"{gate.expression} -> {came_to}{seen}" + (f" ({gate.reason})" if gate.reason else "")


def _attempt(attempt: Attempt) -> str:
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    return _plain(f"{_moment(attempt.started_at)}  {seconds:.3f} s  {attempt.server or '-'}  {attempt.error or 'ok'}")


def _pairs(rows: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    shown = [(name, value) for name, value in rows if value is not None]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        yield f"{name:<{width}}  {_plain(value)}"


def _moment(time: datetime | None, precision: str = "milliseconds") -> str:
    return time.isoformat(" ", precision).replace("+00:00", "Z") if time else "-"


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _plain(text: str) -> str:
    """One line for a terminal: what a stranger wrote must neither move the cursor nor fill the screen."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:TEXT_KEPT])
    return f"{shown}… ({len(text)} characters)" if len(text) > TEXT_KEPT else shown
