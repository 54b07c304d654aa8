"""The resources of v2, as OpenAPI describes them, and how a stored submission becomes one. Pure.

Addresses are paths: they hold behind any proxy. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contracts.documents import INPUT_NAME, InputInfo, ModelRef, Submission, WorkflowRef
from contracts.states import StepState, SubmissionState
from gateway.api.v2 import PREFIX
from gateway.ports import Backlog
from gateway.views import artifact_name


class StepResource(BaseModel):
    """One call of a model in the workflow, as far as it has come."""

    name: str
    model: ModelRef
    state: StepState
    tries: int = Field(description="Calls made so far, failed ones included.")


class ArtifactResource(BaseModel):
    """A picture that a step made."""

    name: str
    media_type: str
    bytes: int
    url: str


class QueuePosition(BaseModel):
    """Where a queued submission stands. An estimate: several orchestrators take from one queue."""

    position: int = Field(description="About how many of its workflow are taken before it.")
    estimated_seconds: float | None = Field(
        description="About how long until it is taken, at the pace of late; null when nothing moved of late."
    )


class Urls(BaseModel):
    self: str
    cancel: str
    retry: str
    events: str
    input: str
    artifacts: str
    record: str
    webhook: str


class SubmissionResource(BaseModel):
    """One image on its way through one version of a workflow."""

    id: str = Field(description="A version 4 UUID.")
    workflow: WorkflowRef
    state: SubmissionState
    reason: str | None = Field(description="Why it waits, or why it failed.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    not_before: datetime | None = Field(description="When a submission that was set aside is tried again.")
    expires_at: datetime | None = Field(description="When it is deleted, with its images; null is never.")
    input: InputInfo
    metadata: dict[str, str]
    steps: list[StepResource]
    result: dict[str, Any] | None = Field(
        description="The workflow's output once it has succeeded; of a picture, its artifact's name and url."
    )
    artifacts: list[ArtifactResource]
    queue: QueuePosition | None = Field(description="While it is queued.")
    urls: Urls


def address(submission_id: str, *parts: str) -> str:
    """Return the path of a submission, or of something below it."""
    return "/".join((f"{PREFIX}/submissions", submission_id, *parts))


def position(submission: Submission, backlog: Backlog, now: datetime) -> QueuePosition:
    """Estimate from how many stood before it when it came, and how many a second were taken since."""
    age = max(0.0, (now - submission.created_at).total_seconds())
    ahead = max(0, min(round(submission.ahead - age * backlog.drained_per_second), backlog.waiting))
    seconds = ahead / backlog.drained_per_second if backlog.drained_per_second > 0 else None
    if submission.not_before is not None:
        seconds = max(seconds or 0.0, (submission.not_before - now).total_seconds())
    return QueuePosition(position=ahead, estimated_seconds=None if seconds is None else round(seconds, 1))


def resource(submission: Submission, backlog: Backlog, now: datetime) -> SubmissionResource:
    """Return the submission as v2 shows it. ``backlog`` is its workflow's, ``now`` the database's time."""
    key = submission.id
    return SubmissionResource(
        id=key,
        workflow=submission.workflow,
        state=submission.state,
        reason=submission.reason,
        created_at=submission.created_at,
        started_at=submission.started_at,
        ended_at=submission.ended_at,
        not_before=submission.not_before,
        expires_at=submission.expires_at,
        input=submission.input,
        metadata=submission.metadata,
        steps=[
            StepResource(name=step.name, model=step.model, state=step.state, tries=step.tries)
            for step in submission.steps
        ],
        result=_result(submission),
        artifacts=[
            ArtifactResource(
                name=artifact.name,
                media_type=artifact.media_type,
                bytes=artifact.bytes,
                url=address(key, "artifacts", artifact.name),
            )
            for artifact in submission.artifacts
        ],
        queue=position(submission, backlog, now) if submission.state is SubmissionState.QUEUED else None,
        urls=Urls(
            self=address(key),
            cancel=address(key, "cancel"),
            retry=address(key, "retry"),
            events=address(key, "events"),
            input=address(key, INPUT_NAME),
            artifacts=address(key, "artifacts"),
            record=address(key, "record"),
            webhook=address(key, "webhook"),
        ),
    )


def _result(submission: Submission) -> dict[str, Any] | None:
    if submission.result is None:
        return None
    shown: dict[str, Any] = {}
    for name, value in submission.result.items():
        artifact = artifact_name(value)
        url = artifact and address(submission.id, "artifacts", artifact)
        shown[name] = value if artifact is None else {"artifact": artifact, "url": url}
    return shown
