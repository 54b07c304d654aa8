"""Every error that the client raises, in one tree::

    ShowcaseError
    |-- ImageUnreadable        the image cannot be read on this side; nothing was sent
    |-- Unreachable            no answer: no connection, or one that broke, also after further tries
    |-- UnexpectedAnswer       an answer that is not the API's: is something else listening there?
    |-- WaitTimedOut           the submission goes on, longer than was waited for (``submission_id``, ``state``)
    |-- SubmissionFailed       it ended without a result (``submission_id``, ``state``, ``reason``; raised by
    |                          ``raise_for_state`` alone)
    `-- Refused                the server said no, and why (``status``, ``code``, ``detail``)
        |-- BadRequest         400
        |-- NotAllowed         401, 403
        |-- NotFound           404
        |-- Conflict           409: the submission's state forbids it
        |-- Gone               410: deleted, or past its retention
        |-- TooLarge           413
        |-- UnsupportedMedia   415
        |-- Invalid            422
        `-- Unavailable        429, 500 and above: later it may go (``retry_after`` in seconds)

``str()`` of each is one sentence for people. httpx's own errors never come through. Errors carry plain values and can
be pickled: a process pool hands them to its caller unchanged.
"""

from __future__ import annotations

from typing import Any


class ShowcaseError(Exception):
    """The root; ``str()`` is a sentence that says what to do."""

    # A subclass passes all that it was made of to Exception, which makes it again from that when it is unpickled.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ImageUnreadable(ShowcaseError):
    """The image cannot be read on this side."""


class Unreachable(ShowcaseError):
    """There was no answer; whether the request arrived is unknown, unless no connection came about."""


class UnexpectedAnswer(ShowcaseError):
    """The answer is not one that the API gives."""


class WaitTimedOut(ShowcaseError):
    """The submission had not ended when the time was over. It goes on: ``Client.wait(error.submission_id)``."""

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

    ``status`` is HTTP's, ``code`` the problem's name, ``detail`` the server's sentence, ``problem`` the whole document
    and ``retry_after`` the seconds after which the server wants to be asked again, or None.
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


class TooLarge(Refused):
    """413."""


class UnsupportedMedia(Refused):
    """415."""


class Invalid(Refused):
    """422."""


class Unavailable(Refused):
    """429, and everything from 500 on."""


_BY_STATUS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: UnsupportedMedia,
    422: Invalid,
    429: Unavailable,
}


def error_for_status(status: int, problem: dict[str, Any], retry_after: float | None = None) -> Refused:
    """Return the error that stands for the status."""
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem, retry_after)
