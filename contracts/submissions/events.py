"""A submission's events: numbered in its document, and published as notifications.

A document keeps its latest events; the write that changes a state appends its event. A notification carries the same
events over the broker to the gateways that are running: it may be lost, repeated or late. The document is the truth.
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
"""A notification of a dozen events has a few kilobytes; a longer message was not written by us and is not parsed."""


@checked(frozen=True)
class SubmissionChanged:
    """``events`` of a submission that is in ``state`` now. ``first`` is the number of the first one, counted from 1.

    If the sender does not know the number, ``first`` is None and ``events`` is empty: read the document.
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
    """Read a notification; fields that a newer release added are left out. Raises InvalidMessage."""
    if len(body) > MAX_BYTES:
        raise InvalidMessage(f"A notification has at most {MAX_BYTES} bytes, this one has {len(body)}.")
    try:
        return _CHANGE.validate_json(b"%s" % body)
    except ValidationError as error:
        raise InvalidMessage("The message is not one of our notifications.") from error


@dataclass(frozen=True)
class Numbered:
    """An event with its number, after which a client resumes."""

    number: int
    event: Event


def numbered(submission: Submission) -> list[Numbered]:
    """Return the events that the document still keeps, oldest first."""
    before = submission.event_count - len(submission.events)
    return [Numbered(before + place, event) for place, event in enumerate(submission.events, 1)]


def submission_event(state: SubmissionState, at: datetime, reason: str | None = None) -> Event:
    return Event(type=f"submission.{state}", at=at, reason=reason)


def step_events(known: dict[str, StepState], steps: Sequence[Step], at: datetime) -> list[Event]:
    """Return an event for each step whose state differs from the ``known`` one, in the workflow's order.

    Events of steps that have ended come before those of steps that begin, as it happened.
    """
    moved = [step for step in steps if step.state is not known.get(step.name, StepState.PENDING)]
    moved.sort(key=lambda step: step.state is StepState.RUNNING)  # stable: the workflow's order otherwise
    decided = {StepState.RUNNING, StepState.SKIPPED}
    return [
        Event(type=f"step.{step.state}", at=at, step=step.name, gate=step.gate if step.state in decided else None)
        for step in moved
    ]
