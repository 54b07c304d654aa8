"""The record of a submission: what ran, what was skipped, and why. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from contracts.documents import Attempt, Event, Gate, InputInfo, ModelRef, Step, Submission, WorkflowRef
from contracts.states import StepState, SubmissionState


class RecordedGate(BaseModel):
    """Why a step ran or was skipped."""

    expression: str
    value: bool | None = Field(description="Null: it asks about a step that was skipped itself.")
    inputs: dict[str, Any] = Field(description="The values that the expression saw, by step.")
    reason: str | None


class RecordedAttempt(BaseModel):
    started_at: datetime
    ended_at: datetime
    seconds: float
    error: str | None = Field(description="Null for the attempt that succeeded.")
    server: str = Field(description="The model server that was asked.")


class RecordedStep(BaseModel):
    name: str
    model: ModelRef
    state: StepState
    gate: RecordedGate | None = Field(description="Null for a step that always runs.")
    tries: int = Field(description="Calls made. The latest of them are below.")
    attempts: list[RecordedAttempt]
    output: dict[str, Any] | None


class RecordedEvent(BaseModel):
    id: int = Field(description="Its number among the submission's events.")
    type: str
    at: datetime
    step: str | None
    gate: RecordedGate | None
    reason: str | None


class Timings(BaseModel):
    """Seconds, or null for what has not come to its end."""

    waited: float | None = Field(description="From its creation until it was first taken.")
    ran: float | None = Field(description="From then until its end, with every pause between tries.")
    models: float = Field(description="In calls to models. Steps that run side by side count each.")


class Record(BaseModel):
    """All that is known of how a submission came to its result."""

    id: str
    workflow: WorkflowRef = Field(description="`digest` is the SHA-256 of the workflow's file.")
    state: SubmissionState
    reason: str | None
    input: InputInfo
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    timings: Timings
    lost_leases: int = Field(description="How many orchestrators stopped while they had it.")
    steps: list[RecordedStep]
    events: list[RecordedEvent]


def record(submission: Submission) -> Record:
    first = submission.moves - len(submission.events) + 1
    return Record(
        id=submission.id,
        workflow=submission.workflow,
        state=submission.state,
        reason=submission.reason,
        input=submission.input,
        created_at=submission.created_at,
        started_at=submission.started_at,
        ended_at=submission.ended_at,
        timings=Timings(
            waited=_seconds(submission.created_at, submission.started_at),
            ran=_seconds(submission.started_at, submission.ended_at),
            models=round(sum(_length(attempt) for step in submission.steps for attempt in step.attempts), 6),
        ),
        lost_leases=submission.lost_leases,
        steps=[_step(step) for step in submission.steps],
        events=[_event(number, event) for number, event in enumerate(submission.events, first)],
    )


def without_credentials(address: str) -> str:
    """Return a server's address as anybody may read it: an operator may have put a password into it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _step(step: Step) -> RecordedStep:
    attempts = [
        RecordedAttempt(
            started_at=each.started_at,
            ended_at=each.ended_at,
            seconds=_length(each),
            error=each.error,
            server=without_credentials(each.server),
        )
        for each in step.attempts
    ]
    return RecordedStep(
        name=step.name,
        model=step.model,
        state=step.state,
        gate=_gate(step.gate),
        tries=step.tries,
        attempts=attempts,
        output=step.output,
    )


def _gate(gate: Gate | None) -> RecordedGate | None:
    if gate is None:
        return None
    return RecordedGate(expression=gate.expression, value=gate.value, inputs=gate.inputs, reason=gate.reason)


def _event(number: int, event: Event) -> RecordedEvent:
    return RecordedEvent(
        id=number, type=event.type, at=event.at, step=event.step, gate=_gate(event.gate), reason=event.reason
    )


def _length(attempt: Attempt) -> float:
    return (attempt.ended_at - attempt.started_at).total_seconds()


def _seconds(begun: datetime | None, ended: datetime | None) -> float | None:
    return None if begun is None or ended is None else (ended - begun).total_seconds()
