"""The exit codes, which tell a script the outcome. ``showcase --help`` lists them."""

from __future__ import annotations

from showcase.errors import (
    FileUnreadable,
    ImageUnreadable,
    Refused,
    ShowcaseError,
    SubmissionFailed,
    Unavailable,
    WaitTimedOut,
)
from showcase.resources import Submission

DONE = 0
FAILED = 1
USAGE = 2
REFUSED = 3
UNREACHABLE = 4
TIMED_OUT = 5
DEFECT = 70
INTERRUPTED = 130
PIPE_CLOSED = 141

MEANINGS = {
    DONE: "success; every submission that the command waited for succeeded",
    FAILED: "a submission failed or was canceled; doctor: something is missing; validate: a file has an error",
    USAGE: "the command is wrong, or a file cannot be read or written",
    REFUSED: "the server refused the request and gave a reason",
    UNREACHABLE: "no usable response from the server: run showcase doctor",
    TIMED_OUT: "the submission had not ended when --timeout was over; it continues",
    INTERRUPTED: "interrupted (Ctrl-C); submissions continue on the server",
}


def exit_code_of(error: ShowcaseError) -> int:
    """Return the exit code for the error."""
    if isinstance(error, ImageUnreadable | FileUnreadable):
        return USAGE
    if isinstance(error, WaitTimedOut):
        return TIMED_OUT
    if isinstance(error, SubmissionFailed):
        return FAILED
    if isinstance(error, Refused) and not isinstance(error, Unavailable):
        return REFUSED
    return UNREACHABLE


def exit_code_of_submission(submission: Submission) -> int:
    """Return the exit code for the submission's state."""
    return FAILED if submission.final and not submission.succeeded else DONE
