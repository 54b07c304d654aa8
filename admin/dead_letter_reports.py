"""A dead letter with what is known of its submission: why it lies there, and what can still be done. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from admin.ports import DeadLetter
from contracts.errors import InvalidMessage, UnknownSchema
from contracts.messaging.jobs import Job, decode_job
from contracts.messaging.topology import DELIVERY_LIMIT, POISON
from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState

WHY = {
    POISON: "given up: too many orchestrators stopped while they had its submission",
    "delivery_limit": f"its consumers stopped {DELIVERY_LIMIT} times before they had answered for it",
    "rejected": "an orchestrator refused it",
    "": "no reason is recorded with it",
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

    @property
    def job(self) -> Job | None:
        try:
            return decode_job(self.letter.body)
        except InvalidMessage:
            return None

    @property
    def submission_id(self) -> str:
        """The id in the message, or what its sender wrote beside it; empty when neither says one."""
        job = self.job
        return job.submission_id if job else self.letter.message_id

    @property
    def problem(self) -> str:
        """Why no job can be read from the message, as a sentence; empty when one can."""
        try:
            decode_job(self.letter.body)
        except InvalidMessage as error:
            return error.message
        return ""

    @property
    def why(self) -> str:
        """Why the letter lies there."""
        known = WHY.get(self.letter.reason, f"RabbitMQ moved it ({self.letter.reason})")
        return f"{known}: {self.problem}" if self.problem else known

    @property
    def state(self) -> str:
        """The submission's state, or why none is known."""
        if self.submission is not None:
            return self.submission.state.value
        return self.missing_reason or "-"

    def requeue(self) -> Job | NotRequeueable:
        """Return the job to ring for, or why there is none. Only its owner's word moves one that has ended."""
        job, submission = self.job, self.submission
        if job is None:
            return NotRequeueable(self._unreadable())
        if submission is None:
            return NotRequeueable(f"no submission {job.submission_id} can be rung for ({self.missing_reason}).")
        if submission.state is SubmissionState.QUEUED:
            return Job(submission.id, submission.workflow.name, submission.workflow.version)
        if submission.state is SubmissionState.RUNNING:
            return NotRequeueable("an orchestrator works on it already; if that one stops, a sweep takes it over.")
        if submission.state is SubmissionState.FAILED:
            return NotRequeueable(
                f"the submission has failed. POST /api/v2/submissions/{submission.id}/retry runs what failed again. "
                f"It failed with: {submission.reason or 'no reason.'}"
            )
        return NotRequeueable(f"the submission is {submission.state.value}: nothing is left to do.")

    def _unreadable(self) -> str:
        try:
            decode_job(self.letter.body)
        except UnknownSchema:
            return "a newer release wrote it. Use that release's command."
        except InvalidMessage as error:
            return f"it names no submission. {error.message}"
        raise AssertionError("it can be read")
