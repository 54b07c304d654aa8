"""The addresses of v2's resources, as paths, which stay valid behind any proxy. Pure."""

from __future__ import annotations

PREFIX = "/api/v2"


def submission_url(submission_id: str, *parts: str) -> str:
    """Return the path of a submission, or of a resource below it."""
    return "/".join((f"{PREFIX}/submissions", submission_id, *parts))


def workflow_url(name: str, *version: str) -> str:
    return "/".join((f"{PREFIX}/workflows", name, *version))


def model_url(name: str) -> str:
    return f"{PREFIX}/models/{name}"
