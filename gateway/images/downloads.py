"""Which pictures of a submission can be had, and under which name a browser keeps them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from contracts.models.descriptions import Overlay
from contracts.submissions.documents import Artifact, ModelRef, Submission
from gateway.images.overlay import SubmissionOverlay

OVERLAY = "overlay.png"

INLINE = {"image/png": ".png", "image/jpeg": ".jpg"}
"""What a browser may show in place, and the ending that fits. A model's answer of another kind is only kept."""

# What a file system or a header could take for more than a name, and what turns the reading direction.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"\\/:*?<>|\u0085\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def stored_artifact(submission: Submission, name: str) -> Artifact | None:
    """Return the artifact of this name: names are looked up, never used as paths."""
    return next((each for each in submission.artifacts if each.name == name), None)


def find_overlay(submission: Submission, declared: Callable[[ModelRef], Overlay | None]) -> SubmissionOverlay | None:
    """Return what ``overlay.png`` shows: the mask of the first step whose model declares an overlay and answered one.

    ``declared`` gives a model's declaration. None where there is no such mask yet, or where a step made an artifact of
    that name itself.
    """
    if stored_artifact(submission, OVERLAY) is not None:
        return None
    for step in submission.steps:
        style = declared(step.model)
        if style is None or step.output is None:
            continue
        for artifact in submission.artifacts:
            if step.output.get(style.mask) == {"artifact": artifact.name} and artifact.media_type == "image/png":
                return SubmissionOverlay(artifact.name, style)
    return None


def shown_inline(media_type: str) -> bool:
    return media_type in INLINE


def download_name(file_name: str, submission_id: str, media_type: str) -> str:
    """Return the last part of what the client called its file, or the submission's id where nothing is left of it."""
    last = re.split(r"[/\\]", file_name)[-1]
    clean = _UNSAFE.sub("_", last).strip(" ._")
    return clean[-128:] if clean else f"{submission_id}{INLINE.get(media_type, '')}"
