"""Turns stored documents into the bodies of responses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState
from gateway.images.masks import read_mask

IN_PROGRESS = {"status": "In Progress", "message": "Workflow is still extracting information."}


def artifact_name(value: object) -> str | None:
    """Return the artifact's name when a result's value refers to one."""
    if isinstance(value, dict) and value.keys() == {"artifact"}:
        return str(value["artifact"])
    return None


def artifacts_in(result: Mapping[str, Any] | None) -> list[str]:
    return [name for value in (result or {}).values() if (name := artifact_name(value))]


def pixel_rows(image: bytes) -> list[list[int]]:
    """Return a mask's rows of 0 or 255, top to bottom. Raises OSError when it is not an image, or too large."""
    rows: list[list[int]] = np.where(read_mask(image), 255, 0).tolist()
    return rows


def seconds_taken(submission: Submission) -> float:
    """Return the seconds from the first claim to the end, by the database's clock."""
    if submission.started_at is None or submission.ended_at is None:
        return 0.0
    return (submission.ended_at - submission.started_at).total_seconds()


def v1_result(submission: Submission, images: Mapping[str, bytes]) -> dict[str, Any]:
    """Return v1's body for a submission in any state; ``images`` holds the bytes of the result's artifacts."""
    if not submission.state.terminal:
        return dict(IN_PROGRESS)
    body: dict[str, Any] = {
        "submission_id": submission.id,
        "workflow_id": submission.workflow.name,
        "configuration_version": submission.workflow.version,
    }
    taken = {"time_taken": f"{seconds_taken(submission):.3f} sec."}
    if submission.state is not SubmissionState.SUCCEEDED:
        reason = submission.reason or f"The submission was {submission.state}."
        return body | {"status": "Failure", "message": reason} | taken
    prediction: dict[str, Any] = {}
    for name, value in (submission.result or {}).items():
        artifact = artifact_name(value)
        prediction[name] = value if artifact is None else pixel_rows(images[artifact])
    return body | {"status": "Success", "prediction": prediction} | taken
