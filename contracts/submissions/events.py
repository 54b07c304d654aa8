"""What happens to a submission: its moves, numbered in its document, and the notice of them that waits nowhere.

A document keeps its latest moves, appended by the very writes that make them. A notice carries the same over the
broker, to whoever waits at the moment: it may be lost, doubled or late, and the document alone is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from contracts.errors import InvalidMessage
from contracts.submissions.documents import Event, Step, Submission
from contracts.submissions.states import StepState, SubmissionState

MAX_BYTES = 256 * 1024
"""A notice of a dozen moves is some kilobytes; whatever is longer was not written by us and is not parsed."""


@checked(frozen=True)
class SubmissionChanged:
    """``events`` of a submission that is in ``state`` now. ``first`` is the number of the first, counted from 1.

    ``first`` is None when the sender does not know it, and no events are then sent: look at the document.
    """

    submission_id: str
    workflow: str
    state: SubmissionState
    first: int | None = None
    events: tuple[Event, ...] = ()


_CHANGE: TypeAdapter[SubmissionChanged] = TypeAdapter(SubmissionChanged)


def encode_change(change: SubmissionChanged) -> bytes:
    return _CHANGE.dump_json(change, exclude_none=True)


def decode_change(body: bytes) -> SubmissionChanged:
    """Read a notice. Raises InvalidMessage; a field that a newer release added is left out."""
    if len(body) > MAX_BYTES:
        raise InvalidMessage(f"A notice has at most {MAX_BYTES} bytes, this one has {len(body)}.")
    try:
        return _CHANGE.validate_json(b"%s" % body)
    except ValidationError as error:
        raise InvalidMessage("The message is no notice of ours.") from error


@dataclass(frozen=True)
class Numbered:
    """An event with its number, which is what a client resumes after."""

    number: int
    event: Event


def numbered(submission: Submission) -> list[Numbered]:
    """Return the events that the document still holds, oldest first."""
    before = submission.event_count - len(submission.events)
    return [Numbered(before + place, event) for place, event in enumerate(submission.events, 1)]


def submission_event(state: SubmissionState, at: datetime, reason: str | None = None) -> Event:
    return Event(type=f"submission.{state}", at=at, reason=reason)


def step_events(known: dict[str, StepState], steps: Sequence[Step], at: datetime) -> list[Event]:
    """Return an event for each step whose state is not the ``known`` one, in the workflow's order.

    What has ended is told before what begins, as it happened.
    """
    moved = [step for step in steps if step.state is not known.get(step.name, StepState.PENDING)]
    moved.sort(key=lambda step: step.state is StepState.RUNNING)  # stable: the workflow's order otherwise
    decided = {StepState.RUNNING, StepState.SKIPPED}
    return [
        Event(type=f"step.{step.state}", at=at, step=step.name, gate=step.gate if step.state in decided else None)
        for step in moved
    ]
