"""The states of a submission and of its steps, and the only legal moves between them."""

from __future__ import annotations

from enum import StrEnum

from contracts.errors import IllegalMove


class SubmissionState(StrEnum):
    """Where a submission stands: `queued` and `running` go on, the others are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """Whether the work has ended, for better or worse: whoever waits for the outcome has it.

        Nothing that works on submissions moves one out of such a state. Only its owner does, by asking for another
        run of what failed or was canceled (``retryable``).
        """
        return self in _TERMINAL

    @property
    def retryable(self) -> bool:
        """Whether it has ended and may be queued again on its owner's word. A success stays one."""
        return self.terminal and self.may_become(SubmissionState.QUEUED)

    def may_become(self, other: SubmissionState) -> bool:
        return other in _MOVES[self]

    def become(self, other: SubmissionState) -> SubmissionState:
        """Return ``other``. Raises IllegalMove when the state machine has no such move."""
        if not self.may_become(other):
            raise IllegalMove(f"A submission that is {self} cannot become {other}.")
        return other


_MOVES: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.QUEUED: frozenset({SubmissionState.RUNNING, SubmissionState.CANCELED}),
    SubmissionState.RUNNING: frozenset(
        {
            SubmissionState.QUEUED,  # set aside, or its lease was lost
            SubmissionState.SUCCEEDED,
            SubmissionState.FAILED,
            SubmissionState.CANCELED,
        }
    ),
    SubmissionState.SUCCEEDED: frozenset(),
    # Another run, asked for: it goes on from what succeeded before.
    SubmissionState.FAILED: frozenset({SubmissionState.QUEUED}),
    SubmissionState.CANCELED: frozenset({SubmissionState.QUEUED}),
}

_TERMINAL = frozenset({SubmissionState.SUCCEEDED, SubmissionState.FAILED, SubmissionState.CANCELED})


class StepState(StrEnum):
    """Where a step stands. A step whose gate is false is `skipped`."""

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
    """What calling a model came to of late: `failing` is that the last call got no answer."""

    UNTRIED = "untried"
    ANSWERING = "answering"
    FAILING = "failing"
