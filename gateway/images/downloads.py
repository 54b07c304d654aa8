"""Which pictures of a submission can be had, and under which name a browser keeps them. Pure."""

from __future__ import annotations

import re

from contracts.submissions.documents import Artifact, Submission
from gateway.images.overlay import MASK

OVERLAY = "overlay.png"

INLINE = {"image/png": ".png", "image/jpeg": ".jpg"}
"""What a browser may show in place, and the ending that fits. A model's answer of another kind is only kept."""

# What a file system or a header could take for more than a name, and what turns the reading direction.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"\\/:*?<>|\u0085\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def stored_artifact(submission: Submission, name: str) -> Artifact | None:
    """Return the artifact of this name: names are looked up, never used as paths."""
    return next((each for each in submission.artifacts if each.name == name), None)


def has_overlay(submission: Submission) -> bool:
    mask = stored_artifact(submission, MASK)
    return mask is not None and mask.media_type == "image/png" and stored_artifact(submission, OVERLAY) is None


def shown_inline(media_type: str) -> bool:
    return media_type in INLINE


def download_name(file_name: str, submission_id: str, media_type: str) -> str:
    """Return the last part of what the client called its file, or the submission's id where nothing is left of it."""
    last = re.split(r"[/\\]", file_name)[-1]
    clean = _UNSAFE.sub("_", last).strip(" ._")
    return clean[-128:] if clean else f"{submission_id}{INLINE.get(media_type, '')}"
