"""Every error that the client raises, in one tree::

    ShowcaseError
    |-- ImageUnreadable        the client cannot read the image and has sent nothing
    |-- FileUnreadable         the client cannot read the workflow's file and has sent nothing
    |-- Unreachable            no response: every connection failed or broke
    |-- UnexpectedAnswer       a response that the API never gives: another program may listen at the address
    |-- WaitTimedOut           the submission has not ended in time; it continues (``submission_id``, ``state``)
    |-- SubmissionFailed       the submission failed or was canceled (``submission_id``, ``state``, ``reason``); only
    |                          ``raise_for_state`` raises it
    `-- Refused                the server refused the request and gave a reason (``status``, ``code``, ``detail``)
        |-- BadRequest         400
        |-- NotAllowed         401, 403
        |-- NotFound           404
        |-- Conflict           409: the state of the submission or the workflow forbids it
        |-- Gone               410: deleted, or past its retention; a version that is retired
        |-- PreconditionFailed 412: it is not as the request wants it to be
        |-- TooLarge           413
        |-- UnsupportedMedia   415
        |-- Invalid            422
        `-- Unavailable        429, 500 and above: a later try may succeed (``retry_after`` in seconds)

``str()`` of an error is a sentence for people. The client never raises an error of httpx. Errors carry plain values and
can be pickled: a process pool hands them to its caller unchanged.
"""

from __future__ import annotations

from typing import Any

_OF_EVERY_PROBLEM = frozenset({"type", "title", "status", "detail", "instance", "code"})


class ShowcaseError(Exception):
    """The root; ``str()`` is a sentence that says what to do."""

    # A subclass passes all its arguments to Exception, because unpickling calls the subclass with exactly these.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ImageUnreadable(ShowcaseError):
    """The client cannot read the image."""


class FileUnreadable(ShowcaseError):
    """The client cannot read the workflow's file."""


class Unreachable(ShowcaseError):
    """There was no response. The request may have arrived, unless the connection failed before it was sent."""


class UnexpectedAnswer(ShowcaseError):
    """The response is not one that the API gives."""


class WaitTimedOut(ShowcaseError):
    """The submission had not ended in time. It continues: ``Client.wait(error.submission_id)``."""

    def __init__(self, message: str, submission_id: str, state: str) -> None:
        super().__init__(message, submission_id, state)
        self.submission_id = submission_id
        self.state = state


class SubmissionFailed(ShowcaseError):
    """The submission ended as failed or canceled; ``reason`` is the server's sentence, or None."""

    def __init__(self, message: str, submission_id: str, state: str, reason: str | None) -> None:
        super().__init__(message, submission_id, state, reason)
        self.submission_id = submission_id
        self.state = state
        self.reason = reason


class Refused(ShowcaseError):
    """The server refused, with a problem document (RFC 9457).

    ``status`` is the HTTP status, ``code`` the problem's name, ``detail`` the server's sentence, ``problem`` the whole
    document, ``extensions`` its members beyond those of every problem (``errors``, ``successor``, ``diff``), and
    ``retry_after`` the seconds after which the server wants the next try, or None.
    """

    def __init__(self, status: int, problem: dict[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code") or str(problem.get("type", "")).rsplit("/", 1)[-1] or status)
        self.title = str(problem.get("title") or "")
        self.detail = str(problem.get("detail") or self.title or f"The server answered {status}.")
        self.retry_after = retry_after
        super().__init__(status, problem, retry_after)

    def __str__(self) -> str:
        return self.detail

    @property
    def extensions(self) -> dict[str, Any]:
        return {name: value for name, value in self.problem.items() if name not in _OF_EVERY_PROBLEM}


class BadRequest(Refused):
    """400."""


class NotAllowed(Refused):
    """401 or 403."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409."""


class Gone(Refused):
    """410."""


class PreconditionFailed(Refused):
    """412."""


class TooLarge(Refused):
    """413."""


class UnsupportedMedia(Refused):
    """415."""


class Invalid(Refused):
    """422."""


class Unavailable(Refused):
    """429, and 500 or above."""


_BY_STATUS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    415: UnsupportedMedia,
    422: Invalid,
    429: Unavailable,
}


def error_for_status(status: int, problem: dict[str, Any], retry_after: float | None = None) -> Refused:
    """Return the error that belongs to the status."""
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem, retry_after)
