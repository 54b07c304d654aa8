"""The states of a submission and of its steps, and the allowed transitions between them."""

from __future__ import annotations

from enum import StrEnum

from contracts.errors import IllegalMove


class SubmissionState(StrEnum):
    """A submission's state: `queued` and `running` go on, the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """Whether the work has ended and the outcome is known.

        No process moves a submission out of such a state by itself. Only its owner does, by a retry of what failed or
        was canceled (``retryable``).
        """
        return self in _TERMINAL

    @property
    def retryable(self) -> bool:
        """Whether it has ended and its owner may retry it. A success stays one."""
        return self.terminal and self.may_become(SubmissionState.QUEUED)

    def may_become(self, other: SubmissionState) -> bool:
        return other in _MOVES[self]

    def become(self, other: SubmissionState) -> SubmissionState:
        """Return ``other``. Raises IllegalMove if there is no such transition."""
        if not self.may_become(other):
            raise IllegalMove(f"A submission that is {self} cannot become {other}.")
        return other


_MOVES: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.QUEUED: frozenset({SubmissionState.RUNNING, SubmissionState.CANCELED}),
    SubmissionState.RUNNING: frozenset(
        {
            SubmissionState.QUEUED,  # deferred, or its lease was lost
            SubmissionState.SUCCEEDED,
            SubmissionState.FAILED,
            SubmissionState.CANCELED,
        }
    ),
    SubmissionState.SUCCEEDED: frozenset(),
    # A retry: it keeps what succeeded before.
    SubmissionState.FAILED: frozenset({SubmissionState.QUEUED}),
    SubmissionState.CANCELED: frozenset({SubmissionState.QUEUED}),
}

_TERMINAL = frozenset({SubmissionState.SUCCEEDED, SubmissionState.FAILED, SubmissionState.CANCELED})


class StepState(StrEnum):
    """A step's state. A step whose gate is false is `skipped`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def settled(self) -> bool:
        """Whether the step will not be called again."""
        return self in {StepState.SUCCEEDED, StepState.SKIPPED, StepState.FAILED}


class ServedState(StrEnum):
    """How the latest call of a model ended: `failing` means that it got no answer."""

    UNTRIED = "untried"
    ANSWERING = "answering"
    FAILING = "failing"
