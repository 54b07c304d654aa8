"""Submissions, steps and events in words. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from showcase.resources import Attempt, Event, Gate, Submission


def moment(time: datetime | None, precision: str = "seconds") -> str:
    return time.isoformat(" ", precision).replace("+00:00", "Z") if time else "-"


def size(count: int) -> str:
    for unit, worth in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= worth:
            return f"{count / worth:.1f} {unit}"
    return f"{count} bytes"


def took(submission: Submission) -> str:
    """Return the time from its arrival to its end."""
    if submission.ended_at is None:
        return "-"
    return f"{(submission.ended_at - submission.created_at).total_seconds():.2f} s"


def brief(submission: Submission) -> str:
    """Return the result in a few words, or why there is none."""
    if submission.result is not None:
        return ", ".join(f"{name} {value(each)}" for name, each in submission.result.items())
    if submission.queue is not None and submission.queue.position is not None:
        return _place(submission.queue.position, submission.queue.estimated_seconds)
    return submission.reason or ""


def value(each: Any) -> str:
    """Return one value of a result, an output or a gate's inputs; a picture is its artifact's name."""
    if isinstance(each, dict) and isinstance(each.get("artifact"), str):
        return str(each["artifact"])
    if isinstance(each, float):
        return f"{each:.6g}"
    return each if isinstance(each, str) else json.dumps(each, ensure_ascii=False, default=str)


def gate(tested: Gate) -> str:
    came_to = "cannot be told" if tested.value is None else "is true" if tested.value else "is false"
    saw = ", ".join(f"{name} = {value(each)}" for name, each in _flat(tested.inputs))
    return (
        f"{tested.expression} {came_to}"
        + (f" ({saw})" if saw else "")
        + (f": {tested.reason}" if tested.reason else "")
    )


def attempt(made: Attempt) -> str:
    seconds = f"{(made.ended_at - made.started_at).total_seconds():.3f} s" if made.ended_at else "-"
    return f"{moment(made.started_at, 'milliseconds')}  {seconds}  {made.server or '-'}  {made.error or 'ok'}"


def event(told: Event) -> str:
    """Return a line for one move: ``classification succeeded``, ``submission queued``."""
    if told.type == "queue":
        return f"queued: {_place(told.position, told.estimated_seconds)}"
    subject, _, state = told.type.rpartition(".")
    line = f"{told.step or subject} {state}"
    if told.gate is not None and state == "skipped":
        line += f": {gate(told.gate)}"
    return line + (f": {told.reason}" if told.reason else "")


def _place(position: int | None, seconds: float | None) -> str:
    return f"{position} before it" + (f", about {seconds:g} s" if seconds is not None else "")


def _flat(inputs: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, each in inputs.items():
        if isinstance(each, dict) and each and "artifact" not in each:
            found += _flat(each, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", each))
    return found
