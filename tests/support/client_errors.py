"""One error of every kind that the client raises, made as the client makes it."""

from __future__ import annotations

from showcase.errors import Refused, ShowcaseError, SubmissionFailed, WaitTimedOut


def kinds(root: type[ShowcaseError] = ShowcaseError) -> list[type[ShowcaseError]]:
    """Return the class and all classes below it."""
    return [root, *(kind for each in root.__subclasses__() for kind in kinds(each))]


def error_example(kind: type[ShowcaseError]) -> ShowcaseError:
    """Return an error of the kind, whose text is ``No.``"""
    if issubclass(kind, Refused):
        return kind(418, {"detail": "No."}, 2.0)
    if issubclass(kind, WaitTimedOut):
        return kind("No.", "an-id", "running")
    if issubclass(kind, SubmissionFailed):
        return kind("No.", "an-id", "failed", "the model is gone")
    return kind("No.")
