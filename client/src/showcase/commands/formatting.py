"""Format submissions, steps and events as text. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from showcase.resources import Attempt, Event, Gate, Submission


def timestamp(time: datetime | None, precision: str = "seconds") -> str:
    return time.isoformat(" ", precision).replace("+00:00", "Z") if time else "-"


def size(count: int) -> str:
    for unit, worth in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= worth:
            return f"{count / worth:.1f} {unit}"
    return f"{count} bytes"


def duration(submission: Submission) -> str:
    """Return the time from the submission's creation to its end."""
    if submission.ended_at is None:
        return "-"
    return f"{(submission.ended_at - submission.created_at).total_seconds():.2f} s"


def summary(submission: Submission) -> str:
    """Return the result in one line, or else the position in the queue or the reason of a failure."""
    if submission.result is not None:
        return ", ".join(f"{name} {value(each)}" for name, each in submission.result.items())
    if submission.queue is not None and submission.queue.position is not None:
        return _queue_position(submission.queue.position, submission.queue.estimated_seconds)
    return submission.reason or ""


def value(each: Any) -> str:
    """Format one value of a result, an output or a gate's inputs; a picture becomes its artifact's name."""
    if isinstance(each, dict) and isinstance(each.get("artifact"), str):
        return str(each["artifact"])
    if isinstance(each, float):
        return f"{each:.6g}"
    return each if isinstance(each, str) else json.dumps(each, ensure_ascii=False, default=str)


def describe_gate(gate: Gate) -> str:
    outcome = "cannot be computed" if gate.value is None else "is true" if gate.value else "is false"
    inputs = ", ".join(f"{name} = {value(each)}" for name, each in _flatten(gate.inputs))
    return (
        f"{gate.expression} {outcome}"
        + (f" ({inputs})" if inputs else "")
        + (f": {gate.reason}" if gate.reason else "")
    )


def describe_attempt(attempt: Attempt) -> str:
    seconds = f"{(attempt.ended_at - attempt.started_at).total_seconds():.3f} s" if attempt.ended_at else "-"
    return (
        f"{timestamp(attempt.started_at, 'milliseconds')}  {seconds}  {attempt.server or '-'}  {attempt.error or 'ok'}"
    )


def describe_event(event: Event) -> str:
    """Return a line for one event: ``classification succeeded``, ``submission queued``."""
    if event.type == "queue":
        return f"queued: {_queue_position(event.position, event.estimated_seconds)}"
    subject, _, state = event.type.rpartition(".")
    line = f"{event.step or subject} {state}"
    if event.gate is not None and state == "skipped":
        line += f": {describe_gate(event.gate)}"
    return line + (f": {event.reason}" if event.reason else "")


def _queue_position(position: int | None, seconds: float | None) -> str:
    return f"{position} before it" + (f", about {seconds:g} s" if seconds is not None else "")


def _flatten(inputs: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, each in inputs.items():
        if isinstance(each, dict) and each and "artifact" not in each:
            found += _flatten(each, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", each))
    return found
