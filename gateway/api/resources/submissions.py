"""The resources of v2, as OpenAPI describes them, and how a stored submission becomes one. Pure.

Addresses are paths: they hold behind any proxy. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contracts.submissions.documents import INPUT_NAME, InputInfo, ModelRef, Submission, WorkflowRef
from contracts.submissions.states import StepState, SubmissionState
from gateway.api.resources.addresses import submission_url
from gateway.submissions.ports import Backlog
from gateway.submissions.results import artifact_name


class StepResource(BaseModel):
    """One call of a model in the workflow, as far as it has come."""

    name: str = Field(description="What the workflow calls the step.", examples=["classification"])
    model: ModelRef = Field(description="The model that it calls.")
    state: StepState = Field(description="How far it has come.")
    tries: int = Field(description="Calls made so far, failed ones included.", examples=[1])


class ArtifactResource(BaseModel):
    """A picture that a step made."""

    name: str = Field(description="Its name, which no other of this submission has.", examples=["mask.png"])
    media_type: str = Field(description="What kind of file it is.", examples=["image/png"])
    bytes: int = Field(description="Its length.", examples=[1874])
    url: str = Field(description="Where to get it.")


class QueuePosition(BaseModel):
    """Where a queued submission stands. An estimate: several orchestrators take from one queue."""

    position: int = Field(description="About how many of its workflow are taken before it.")
    estimated_seconds: float | None = Field(
        description="About how long until it is taken, at the pace of late; null when nothing moved of late."
    )


class Urls(BaseModel):
    """What can be asked about a submission, and done with it."""

    self: str = Field(description="GET: this resource. DELETE: delete it, with its images.")
    cancel: str = Field(description="POST: let it not go on.")
    retry: str = Field(description="POST: let a failed one go on from where it came to.")
    events: str = Field(description="GET: its moves, as server-sent events.")
    input: str = Field(description="GET: the image that was sent in.")
    artifacts: str = Field(description="GET: the pictures that its steps made.")
    record: str = Field(description="GET: what ran, what was skipped, and why.")
    webhook: str = Field(description="GET: the deliveries of its webhook.")


class SubmissionResource(BaseModel):
    """One image on its way through one version of a workflow."""

    id: str = Field(description="A version 4 UUID.", examples=["0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e"])
    workflow: WorkflowRef = Field(description="The version of the workflow that it goes through.")
    state: SubmissionState = Field(description="Where it stands.")
    reason: str | None = Field(description="Why it waits, or why it failed.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When an orchestrator took it first.")
    ended_at: datetime | None = Field(description="When it became final.")
    not_before: datetime | None = Field(description="When a submission that was set aside is tried again.")
    expires_at: datetime | None = Field(description="When it is deleted, with its images; null is never.")
    input: InputInfo = Field(description="The image that was sent in.")
    metadata: dict[str, str] = Field(description="The texts that were sent with it.", examples=[{"patient": "17"}])
    steps: list[StepResource] = Field(description="Its workflow's steps, in the order of the workflow's file.")
    result: dict[str, Any] | None = Field(
        description="The workflow's output once it has succeeded; of a picture, its artifact's name and url.",
        examples=[{"label": "no_abnormality", "score": 0.987}],
    )
    artifacts: list[ArtifactResource] = Field(description="The pictures that its steps made.")
    queue: QueuePosition | None = Field(description="While it is queued.")
    urls: Urls = Field(description="Where to go on from here.")


def position(submission: Submission, backlog: Backlog, now: datetime) -> QueuePosition:
    """Estimate from how many stood before it when it came, and how many a second were taken since."""
    age = max(0.0, (now - submission.asked_at).total_seconds())
    depth = max(0, min(round(submission.queue_depth_at_submit - age * backlog.drained_per_second), backlog.waiting))
    seconds = depth / backlog.drained_per_second if backlog.drained_per_second > 0 else None
    if submission.not_before is not None:
        seconds = max(seconds or 0.0, (submission.not_before - now).total_seconds())
    return QueuePosition(position=depth, estimated_seconds=None if seconds is None else round(seconds, 1))


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
                url=submission_url(key, "artifacts", artifact.name),
            )
            for artifact in submission.artifacts
        ],
        queue=position(submission, backlog, now) if submission.state is SubmissionState.QUEUED else None,
        urls=Urls(
            self=submission_url(key),
            cancel=submission_url(key, "cancel"),
            retry=submission_url(key, "retry"),
            events=submission_url(key, "events"),
            input=submission_url(key, INPUT_NAME),
            artifacts=submission_url(key, "artifacts"),
            record=submission_url(key, "record"),
            webhook=submission_url(key, "webhook"),
        ),
    )


def _result(submission: Submission) -> dict[str, Any] | None:
    if submission.result is None:
        return None
    shown: dict[str, Any] = {}
    for name, value in submission.result.items():
        artifact = artifact_name(value)
        url = artifact and submission_url(submission.id, "artifacts", artifact)
        shown[name] = value if artifact is None else {"artifact": artifact, "url": url}
    return shown
