"""The record of a submission: what ran, what was skipped, and why. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contracts.models.status import shown_address
from contracts.submissions.documents import Attempt, Event, Gate, InputInfo, ModelRef, Step, Submission
from contracts.submissions.states import StepState, SubmissionState
from gateway.submissions.version_run import VersionRun, version_run


class RecordedGate(BaseModel):
    """Why a step ran or was skipped."""

    expression: str = Field(
        description="The gate, as the workflow's file has it.", examples=["classification.label == 'abnormality'"]
    )
    value: bool | None = Field(description="The gate's value; null when it reads a step that was skipped.")
    inputs: dict[str, Any] = Field(description="The values that the expression read, by step.")
    reason: str | None = Field(description="Why the gate could not be evaluated; null when it could.")


class RecordedAttempt(BaseModel):
    """One call of a model."""

    started_at: datetime = Field(description="When the call began.")
    ended_at: datetime = Field(description="When the call ended, with or without an answer.")
    seconds: float = Field(description="How long the call took.", examples=[0.052])
    error: str | None = Field(description="What went wrong; null for the attempt that succeeded.")
    server: str = Field(description="The model server that was called.")


class RecordedStep(BaseModel):
    """The outcome of a step, and the reasons for it."""

    name: str = Field(description="The step's name in the workflow.", examples=["segmentation"])
    model: ModelRef = Field(description="The model that it calls.")
    state: StepState = Field(description="The step's state.")
    gate: RecordedGate | None = Field(description="The step's gate; null for a step that always runs.")
    tries: int = Field(description="How many calls were made; `attempts` holds the latest.")
    attempts: list[RecordedAttempt] = Field(description="The latest calls, oldest first.")
    output: dict[str, Any] | None = Field(description="The model's answer; null until there is one.")


class RecordedEvent(BaseModel):
    """A state change of the submission or of one of its steps."""

    id: int = Field(description="Its number among the submission's events.")
    type: str = Field(description="What changed, and its new state.", examples=["step.skipped"])
    at: datetime = Field(description="When it changed.")
    step: str | None = Field(description="Which step changed; null for a change of the submission.")
    gate: RecordedGate | None = Field(description="The gate that decided; null when no gate did.")
    reason: str | None = Field(description="Why it changed; null when the type says enough.")


class Timings(BaseModel):
    """Seconds; null for a period that has not ended."""

    waited: float | None = Field(description="From its creation until an orchestrator first claimed it.")
    ran: float | None = Field(description="From the first claim until its end, with the pauses between tries.")
    models: float = Field(description="The sum of all calls to models, including calls that ran in parallel.")


class Record(BaseModel):
    """How a submission came to its result."""

    id: str = Field(description="The submission's id.")
    workflow: VersionRun = Field(description="`digest` is the SHA-256 of the workflow's file.")
    state: SubmissionState = Field(description="The submission's state.")
    reason: str | None = Field(description="Why it waits, or why it failed.")
    input: InputInfo = Field(description="The submitted image.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When an orchestrator first claimed it.")
    ended_at: datetime | None = Field(description="When it became final.")
    timings: Timings = Field(description="How long it waited and ran.")
    lost_leases: int = Field(description="How many orchestrators stopped while they worked on it.")
    steps: list[RecordedStep] = Field(description="Its steps, in the order of the workflow's file.")
    events: list[RecordedEvent] = Field(description="Its latest state changes, oldest first.")


def record(submission: Submission) -> Record:
    first = submission.event_count - len(submission.events) + 1
    return Record(
        id=submission.id,
        workflow=version_run(submission.workflow),
        state=submission.state,
        reason=submission.reason,
        input=submission.input,
        created_at=submission.created_at,
        started_at=submission.started_at,
        ended_at=submission.ended_at,
        timings=Timings(
            waited=_seconds(submission.created_at, submission.started_at),
            ran=_seconds(submission.started_at, submission.ended_at),
            models=round(sum(_duration(attempt) for step in submission.steps for attempt in step.attempts), 6),
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
            seconds=_duration(each),
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


def _duration(attempt: Attempt) -> float:
    return (attempt.ended_at - attempt.started_at).total_seconds()


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return None if started is None or ended is None else (ended - started).total_seconds()
