"""The resources of submissions: their schemas, and how they are built from stored submissions. Pure.

Addresses are paths, which stay valid behind any proxy. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from contracts.submissions.documents import INPUT_NAME, InputInfo, ModelRef, Submission
from contracts.submissions.states import StepState, SubmissionState
from gateway.api.resources.addresses import submission_url
from gateway.submissions.ports import Backlog
from gateway.submissions.results import artifact_name
from gateway.submissions.version_run import VersionRun, version_run


class StepResource(BaseModel):
    """A step of the submission's workflow, which calls one model."""

    name: str = Field(description="The step's name in the workflow.", examples=["classification"])
    model: ModelRef = Field(description="The model that it calls.")
    state: StepState = Field(description="The step's state.")
    tries: int = Field(description="How many calls were made so far, including failed ones.", examples=[1])


class ArtifactResource(BaseModel):
    """An image that a step made."""

    name: str = Field(description="Its name, unique within the submission.", examples=["mask.png"])
    media_type: str = Field(description="Its media type.", examples=["image/png"])
    bytes: int = Field(description="The file's length.", examples=[1874])
    url: str = Field(description="Address of the file.")


class QueuePosition(BaseModel):
    """A queued submission's position. It is an estimate, because several orchestrators consume one queue."""

    position: int = Field(description="About how many submissions of its workflow are ahead of it.")
    estimated_seconds: float | None = Field(
        description="About how long until it starts, at the recent rate; null when none was started recently."
    )


class Urls(BaseModel):
    """Addresses of the submission's operations and related resources."""

    self: str = Field(description="GET: this resource. DELETE: delete it, with its images.")
    cancel: str = Field(description="POST: cancel it.")
    retry: str = Field(description="POST: run it again after it failed or was canceled; steps that succeeded stay.")
    events: str = Field(description="GET: its state changes, as server-sent events.")
    input: str = Field(description="GET: the submitted image.")
    artifacts: str = Field(description="GET: the images that its steps made.")
    record: str = Field(description="GET: what ran, what was skipped, and why.")
    webhook: str = Field(description="GET: the deliveries of its webhook.")


class SubmissionResource(BaseModel):
    """One image, processed by one version of a workflow."""

    id: str = Field(description="A version 4 UUID.", examples=["0b0f8a4e-6c5e-4b43-9d7a-6a4f2b6b3f4e"])
    workflow: VersionRun = Field(description="The version of the workflow that processes it.")
    state: SubmissionState = Field(description="The submission's state.")
    reason: str | None = Field(description="Why it waits, or why it failed.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When an orchestrator first claimed it.")
    ended_at: datetime | None = Field(description="When it became final.")
    not_before: datetime | None = Field(description="When a deferred submission is tried again.")
    expires_at: datetime | None = Field(description="When it is deleted, with its images; null means never.")
    input: InputInfo = Field(description="The submitted image.")
    metadata: dict[str, str] = Field(description="The client's own texts, by name.", examples=[{"patient": "17"}])
    steps: list[StepResource] = Field(description="Its workflow's steps, in the order of the workflow's file.")
    result: dict[str, Any] | None = Field(
        description="The workflow's output once it has succeeded; an image appears as its artifact's name and url.",
        examples=[{"label": "no_abnormality", "score": 0.987}],
    )
    artifacts: list[ArtifactResource] = Field(description="The images that its steps made.")
    queue: QueuePosition | None = Field(description="Its position in the queue; null unless it is queued.")
    urls: Urls = Field(description="Addresses of its operations and related resources.")


def position(submission: Submission, backlog: Backlog, now: datetime) -> QueuePosition:
    """Estimate the position from the queue's depth when it was queued and the recent drain rate."""
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
        workflow=version_run(submission.workflow),
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
    result: dict[str, Any] = {}
    for name, value in submission.result.items():
        artifact = artifact_name(value)
        url = artifact and submission_url(submission.id, "artifacts", artifact)
        result[name] = value if artifact is None else {"artifact": artifact, "url": url}
    return result
