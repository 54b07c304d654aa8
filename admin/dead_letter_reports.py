"""A dead letter with what is known of its submission: why it is there, and whether it can be requeued. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from admin.ports import DeadLetter
from contracts.errors import InvalidMessage, UnknownSchema
from contracts.messaging.jobs import Job, decode_job
from contracts.messaging.topology import DELIVERY_LIMIT, POISON
from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState

WHY = {
    POISON: "given up: too many orchestrators stopped while they had its submission",
    "delivery_limit": f"its consumers stopped {DELIVERY_LIMIT} times before they acknowledged it",
    "rejected": "an orchestrator refused it",
    "": "no reason is recorded with it",
}

_NOTHING_LEFT = "the submission is {state}, and nothing is left to do."
_STAYS = {
    SubmissionState.RUNNING: "an orchestrator works on it. If that orchestrator stops, the sweep takes it over.",
    SubmissionState.FAILED: "the submission has failed. POST /api/v2/submissions/{id}/retry runs what failed again. "
    "It failed with: {reason}",
    SubmissionState.SUCCEEDED: _NOTHING_LEFT,
    SubmissionState.CANCELED: _NOTHING_LEFT,
}


@dataclass(frozen=True)
class NotRequeueable:
    """The letter stays where it is; ``sentence`` says why and what to do instead."""

    sentence: str


@dataclass(frozen=True)
class DeadLetterReport:
    """``missing_reason`` says why ``submission`` is None: nothing is stored, or this release cannot read it."""

    letter: DeadLetter
    submission: Submission | None = None
    missing_reason: str = ""

    @cached_property
    def _decoded(self) -> Job | InvalidMessage:
        try:
            return decode_job(self.letter.body)
        except InvalidMessage as error:
            return error

    @property
    def job(self) -> Job | None:
        return self._decoded if isinstance(self._decoded, Job) else None

    @property
    def submission_id(self) -> str:
        """The id in the message, or what its sender wrote beside it; empty when neither says one."""
        return self.job.submission_id if self.job else self.letter.message_id

    @property
    def why(self) -> str:
        """Why the letter is there, and why no job can be read from it when none can."""
        known = WHY.get(self.letter.reason, f"RabbitMQ moved it ({self.letter.reason})")
        return known if isinstance(self._decoded, Job) else f"{known}: {self._decoded.message}"

    @property
    def state(self) -> str:
        """The submission's state, or why none is known."""
        if self.submission is not None:
            return self.submission.state.value
        return self.missing_reason or "-"

    def requeue(self) -> Job | NotRequeueable:
        """Return the job to publish, or why there is none. Only its client's retry moves a submission that ended."""
        decoded, submission = self._decoded, self.submission
        if isinstance(decoded, UnknownSchema):
            return NotRequeueable("a newer release wrote it. Use that release's command.")
        if isinstance(decoded, InvalidMessage):
            return NotRequeueable(f"it names no submission. {decoded.message}")
        if submission is None:
            return NotRequeueable(f"its submission cannot be requeued ({self.missing_reason}).")
        if submission.state is SubmissionState.QUEUED:
            return Job(submission.id, submission.workflow.name, submission.workflow.version)
        state, reason = submission.state, submission.reason or "no reason."
        return NotRequeueable(_STAYS[state].format(id=submission.id, state=state.value, reason=reason))
