"""Publishes jobs again whose messages were lost, and takes over submissions whose lease expired.

Every orchestrator sweeps; it is safe when all do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from contracts.errors import BrokerUnavailable, IncompatibleData, StoreUnavailable
from contracts.messaging.jobs import Job
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from orchestrator.ports import Clock, EventPublisher, JobPublisher, Store

log = structlog.get_logger()

BATCH = 200
"""Submissions that one sweep reads; the rest stays due for the next one. Each costs the database a write, and thousands
of waiting submissions must not slow down those that are being processed."""

DRAINED_PER_SECOND = 50
"""A rough estimate of the jobs that leave one workflow's queue: a message is not looked for before its turn."""

BUSY_QUEUE_PATIENCE = 20
"""In a queue that is not empty, a published job may wait this many times longer: its message is probably there."""


class Sweep:
    def __init__(
        self,
        store: Store,
        job_publisher: JobPublisher,
        event_publisher: EventPublisher,
        clock: Clock,
        *,
        republish_seconds: float,
        lost_leases_limit: int,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._job_publisher = job_publisher
        self._event_publisher = event_publisher
        self._clock = clock
        self._republish_seconds = republish_seconds
        self._lost_leases_limit = lost_leases_limit
        self._lease_seconds = lease_seconds
        self._store_was_unavailable = False
        self._grace_until = 0.0

    def once(self) -> int:
        """Handle what is due and return how many jobs were published. Raises StoreUnavailable and BrokerUnavailable."""
        published = 0
        waiting: dict[str, int] = {}
        postponed: dict[str, list[Submission]] = {}
        for submission in self._due():
            if submission.state is SubmissionState.RUNNING:
                published += self._take_over(submission)
            elif submission.state is SubmissionState.QUEUED:
                name = submission.workflow.name
                if name not in waiting:
                    waiting[name] = self._job_publisher.waiting(name)
                if self._is_in_queue(submission, waiting[name]):
                    postponed.setdefault(name, []).append(submission)
                else:
                    self._republish(submission)
                    published += 1
        for name, submissions in postponed.items():
            # The longer the queue, the later the next check.
            self._store.postpone_all(submissions, self._republish_seconds + waiting[name] / DRAINED_PER_SECOND)
        if published:
            log.info("sweep published jobs", count=published)
        return published

    def run(self, seconds: float, swept: Callable[[], None] = lambda: None) -> None:
        """Sweep every ``seconds`` until the process is asked to stop; call ``swept`` after each success.

        Raises IncompatibleData.
        """
        prepared = False
        while self._clock.sleep(seconds):
            try:
                if not prepared:
                    self._store.prepare()
                    prepared = True
                self.once()
                swept()
            except IncompatibleData:
                raise
            except (StoreUnavailable, BrokerUnavailable) as error:
                log.warning("sweep postponed", error=error.message)
            except Exception:
                # The thread must go on: without it nothing would be taken over until a restart.
                log.exception("sweep failed")

    def _due(self) -> list[Submission]:
        """Return what is due. Running submissions are left out for one lease after the store was unavailable.

        No lease could be renewed in that time. Owners that are alive renew theirs now, or hand back; the submissions of
        the others stay due.
        """
        try:
            due = self._store.due(BATCH)
        except StoreUnavailable:
            self._store_was_unavailable = True
            raise
        now = self._clock.monotonic()
        if self._store_was_unavailable:
            self._store_was_unavailable, self._grace_until = False, now + self._lease_seconds
        if now >= self._grace_until:
            return due
        return [each for each in due if each.state is not SubmissionState.RUNNING]

    def _take_over(self, submission: Submission) -> int:
        if submission.lost_leases + 1 >= self._lost_leases_limit:
            reason = (
                f"It was given up (poison): {submission.lost_leases + 1} orchestrators stopped while they had it. "
                "Submit it again, or ask an operator to look at the dead letters."
            )
            if self._store.fail_as_poison(submission, reason):
                log.error("submission failed as poison", submission_id=submission.id)
                self._publish_event(submission, SubmissionState.FAILED)
                self._job_publisher.dead_letter_job(_job(submission))
            return 0
        if not self._store.take_back(submission, self._republish_seconds):
            return 0
        log.warning("lease expired", submission_id=submission.id, owner=submission.lease and submission.lease.owner)
        self._publish_event(submission, SubmissionState.QUEUED)
        self._job_publisher.publish(_job(submission))
        return 1

    def _publish_event(self, submission: Submission, state: SubmissionState) -> None:
        # Its owner may have written since we read it: only the document knows the event's number.
        self._event_publisher.publish_event(SubmissionChanged(submission.id, submission.workflow.name, state, None))

    def _republish(self, submission: Submission) -> None:
        self._job_publisher.publish(_job(submission))
        self._store.mark_republished(submission, self._republish_seconds)

    def _is_in_queue(self, submission: Submission, waiting: int) -> bool:
        if submission.published_at is None or waiting == 0:
            return False
        if submission.not_before is not None and submission.not_before > submission.published_at:
            return False  # it was deferred since: the message of published_at is gone
        patience = timedelta(seconds=self._republish_seconds * BUSY_QUEUE_PATIENCE)
        return self._clock.now() - submission.published_at < patience


def _job(submission: Submission) -> Job:
    return Job(submission.id, submission.workflow.name, submission.workflow.version)
