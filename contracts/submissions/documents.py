"""The stored documents and their schema version. Times are aware UTC, durations are seconds."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import InvalidDocument, UnknownSchema
from contracts.submissions.states import StepState, SubmissionState

SCHEMA = 2
"""1 was release 0.1, whose fields have other names."""

INPUT_NAME = "input"
ATTEMPTS_KEPT = 20
"""A step keeps its latest attempts; ``tries`` counts all of them. A document must not grow without bound."""

EVENTS_KEPT = 200
"""A submission keeps its latest events; ``event_count`` counts all of them."""


class _Document(BaseModel):
    # A field that a newer release added is ignored, not refused: releases run side by side.
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class WorkflowRef(_Document):
    """One published version of a workflow."""

    name: str = Field(description="The workflow's name.", examples=["workflow_001"])
    version: str = Field(description="The version, which never changes.", examples=["v1.0.0"])
    digest: str = Field(description="SHA-256 of the version's file.", examples=["sha256:" + "0" * 64])


class ModelRef(_Document):
    """One version of a model."""

    name: str = Field(description="The model's name.", examples=["digit_recognizer"])
    version: str = Field(description="The model's version.", examples=["1.0.0"])

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class InputInfo(_Document):
    """The uploaded image: ``width`` and ``height`` in pixels as stored, ``bytes`` its length."""

    media_type: str = Field(description="Its media type, by its content.", examples=["image/png"])
    bytes: int = Field(description="The file's length.", examples=[48213])
    width: int = Field(description="Pixels from left to right, as stored.", examples=[256])
    height: int = Field(description="Pixels from top to bottom, as stored.", examples=[256])
    file_name: str = Field(description="The file's name, as it was sent.", examples=["slice 17.png"])
    sha256: str = Field(description="SHA-256 of the file, in hexadecimal digits.", examples=["0" * 64])


class Gate(_Document):
    """Why a step ran or was skipped: the expression, its value, and the values that it read."""

    expression: str
    value: bool | None = None  # None: it needs a skipped step; None is not stored
    inputs: dict[str, Any]
    reason: str | None = None


class Attempt(_Document):
    started_at: datetime
    ended_at: datetime
    error: str | None = None
    server: str = ""


class Step(_Document):
    """``tries`` counts all calls of the step.

    ``faults`` counts its failed calls by the error's code, over all owners; the retry rule uses it, and a retry of the
    submission clears it. There are only as many codes as kinds of ModelFault.
    """

    name: str
    model: ModelRef
    state: StepState = StepState.PENDING
    gate: Gate | None = None
    tries: int = 0
    faults: dict[str, int] = Field(default_factory=dict)
    attempts: list[Attempt] = Field(default_factory=list)
    output: dict[str, Any] | None = None

    def record(self, attempt: Attempt) -> None:
        self.tries += 1
        self.attempts = [*self.attempts, attempt][-ATTEMPTS_KEPT:]


class Artifact(_Document):
    name: str
    media_type: str
    bytes: int


class Lease(_Document):
    owner: str
    until: datetime


class Event(_Document):
    """A new state of a submission (``submission.running``) or of one of its steps (``step.skipped``, with its gate)."""

    type: str
    at: datetime
    step: str | None = None
    gate: Gate | None = None
    reason: str | None = None


class WebhookAttempt(_Document):
    """One attempt to deliver an event: ``id`` is the event's, ``status`` is what the receiver answered, if it did."""

    id: str
    started_at: datetime
    ended_at: datetime
    status: int | None = None
    error: str | None = None


class Webhook(_Document):
    """The URL to notify when the submission is final, and the state of the delivery.

    ``due_at`` is when to send next, ``sent_at`` when the receiver accepted it; if a final submission has neither, the
    delivery was given up. ``tries`` counts the attempts of the current schedule, ``attempts`` are the latest 20 of all.
    """

    url: str
    due_at: datetime | None = None
    sent_at: datetime | None = None
    tries: int = 0
    attempts: list[WebhookAttempt] = Field(default_factory=list)


class Submission(_Document):
    """One image and its run through one workflow version.

    ``due_at`` is when a sweep should check it next. Every submission that is not in a terminal state has one, so that
    one sparse index finds those whose job was not published, whose message was lost, or whose orchestrator stopped.
    ``fence`` counts the claims: a write that carries an older one changes nothing. ``lost_leases`` counts the
    orchestrators that stopped while they held it. ``queue_depth_at_submit`` is the number of submissions of its
    workflow that waited when it was queued. ``events`` are the latest events, ``event_count`` is the number of the last
    one. ``retries`` counts its retries, ``retried_at`` is the time of the latest.
    """

    id: str = Field(alias="_id")
    # Stored as "schema", a name that pydantic reserves.
    schema_version: int = Field(default=SCHEMA, alias="schema")
    workflow: WorkflowRef
    state: SubmissionState
    reason: str | None = None
    input: InputInfo
    steps: list[Step]
    result: dict[str, Any] | None = None
    artifacts: list[Artifact] = Field(default_factory=list)
    lease: Lease | None = None
    fence: int = 0
    lost_leases: int = 0
    created_at: datetime
    published_at: datetime | None = None
    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    queue_depth_at_submit: int = 0
    retries: int = 0
    retried_at: datetime | None = None
    events: list[Event] = Field(default_factory=list)
    event_count: int = 0
    tenant: str = "default"
    metadata: dict[str, str] = Field(default_factory=dict)
    webhook: Webhook | None = None

    @property
    def asked_at(self) -> datetime:
        """When it was submitted or last retried: a retried submission may wait as long as a new one."""
        return self.retried_at or self.created_at

    def renewed_steps(self) -> list[Step]:
        """Return the steps for a retry: steps that succeeded or were skipped stay, the others are called again."""
        kept = {StepState.SUCCEEDED, StepState.SKIPPED}
        return [
            step if step.state in kept else step.model_copy(update={"state": StepState.PENDING, "faults": {}})
            for step in self.steps
        ]

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)


def to_document(submission: Submission) -> dict[str, Any]:
    """Return the document to store; None is left out, so that sparse indexes stay sparse."""
    return submission.model_dump(by_alias=True, exclude_none=True)


def from_document(document: dict[str, Any]) -> Submission:
    """Read a stored document.

    Raises UnknownSchema for a document of a newer release, and InvalidDocument for one that this release cannot read.
    """
    schema = document.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise UnknownSchema(
            f"Submission {document.get('_id')} has schema {schema}; this release knows {SCHEMA}. Upgrade it."
        )
    if isinstance(schema, int) and schema < SCHEMA:
        raise InvalidDocument(
            f"Submission {document.get('_id')} has schema {schema}; this release reads {SCHEMA} only."
        )
    try:
        return Submission.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidDocument(
            f"Submission {document.get('_id')} cannot be read: {place}: {first['msg']}. Was it changed by hand?"
        ) from error


def is_submission_id(text: str) -> bool:
    """Whether ``text`` is an id in the form that we write, in upper or lower case."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def image_key(submission_id: str, name: str) -> str:
    """Return the ``_id`` in ``images`` of a submission's input or artifact."""
    return f"{submission_id}/{name}"


def input_document(submission: Submission, image: bytes) -> dict[str, Any]:
    """Return the document in ``images`` of a submission's input."""
    document: dict[str, Any] = {
        "_id": image_key(submission.id, INPUT_NAME),
        "media_type": submission.input.media_type,
        "data": image,
    }
    if submission.expires_at is not None:
        document["expires_at"] = submission.expires_at
    return document
