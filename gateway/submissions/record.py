"""The record of a submission: what ran, what was skipped, and why. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contracts.models.status import shown_address
from contracts.submissions.documents import Attempt, Event, Gate, InputInfo, ModelRef, Step, Submission, WorkflowRef
from contracts.submissions.states import StepState, SubmissionState


class RecordedGate(BaseModel):
    """Why a step ran or was skipped."""

    expression: str = Field(
        description="The gate, as the workflow's file has it.", examples=["classification.label == 'abnormality'"]
    )
    value: bool | None = Field(description="Null: it asks about a step that was skipped itself.")
    inputs: dict[str, Any] = Field(description="The values that the expression saw, by step.")
    reason: str | None = Field(description="Why it could not be decided; null where it could.")


class RecordedAttempt(BaseModel):
    """One call of a model."""

    started_at: datetime = Field(description="When it was begun.")
    ended_at: datetime = Field(description="When it was over, with or without an answer.")
    seconds: float = Field(description="How long it took.", examples=[0.052])
    error: str | None = Field(description="Null for the attempt that succeeded.")
    server: str = Field(description="The model server that was asked.")


class RecordedStep(BaseModel):
    """What became of a step, and why."""

    name: str = Field(description="What the workflow calls the step.", examples=["segmentation"])
    model: ModelRef = Field(description="The model that it calls.")
    state: StepState = Field(description="How far it has come.")
    gate: RecordedGate | None = Field(description="Null for a step that always runs.")
    tries: int = Field(description="Calls made. The latest of them are below.")
    attempts: list[RecordedAttempt] = Field(description="The latest calls, oldest first.")
    output: dict[str, Any] | None = Field(description="What the model answered; null until it has.")


class RecordedEvent(BaseModel):
    """A move of the submission or of one of its steps."""

    id: int = Field(description="Its number among the submission's events.")
    type: str = Field(description="What moved, and whereto.", examples=["step.skipped"])
    at: datetime = Field(description="When.")
    step: str | None = Field(description="Which step; null for a move of the submission.")
    gate: RecordedGate | None = Field(description="The gate that decided; null where none did.")
    reason: str | None = Field(description="Why, where that does not go without saying.")


class Timings(BaseModel):
    """Seconds, or null for what has not come to its end."""

    waited: float | None = Field(description="From its creation until it was first taken.")
    ran: float | None = Field(description="From then until its end, with every pause between tries.")
    models: float = Field(description="In calls to models. Steps that run side by side count each.")


class Record(BaseModel):
    """All that is known of how a submission came to its result."""

    id: str = Field(description="The submission's id.")
    workflow: WorkflowRef = Field(description="`digest` is the SHA-256 of the workflow's file.")
    state: SubmissionState = Field(description="Where it stands.")
    reason: str | None = Field(description="Why it waits, or why it failed.")
    input: InputInfo = Field(description="The image that was sent in.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When an orchestrator took it first.")
    ended_at: datetime | None = Field(description="When it became final.")
    timings: Timings = Field(description="Where the time went.")
    lost_leases: int = Field(description="How many orchestrators stopped while they had it.")
    steps: list[RecordedStep] = Field(description="Its steps, in the order of the workflow's file.")
    events: list[RecordedEvent] = Field(description="Its latest moves, oldest first.")


def record(submission: Submission) -> Record:
    first = submission.event_count - len(submission.events) + 1
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


def _step(step: Step) -> RecordedStep:
    attempts = [
        RecordedAttempt(
            started_at=each.started_at,
            ended_at=each.ended_at,
            seconds=_length(each),
            error=each.error,
            server=shown_address(each.server),
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
