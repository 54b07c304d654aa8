"""What an owner may ask for after submitting: cancel it, run it again, delete it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from contracts.errors import IllegalMove, SubmissionGone
from contracts.messaging.jobs import Job
from contracts.submissions.documents import INPUT_NAME, Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.submissions.ports import (
    Clock,
    Deletion,
    EventPublisher,
    JobPublisher,
    LifecycleStore,
    QueueDepths,
    SubmissionReader,
)

log = structlog.get_logger()

TRIES = 5
"""Others move a submission a few times in its life; who meets them so often in a row is told to try again."""

RETRY_DUE_SECONDS = 5.0
"""A retried submission that nobody could ring for is looked at by the sweep after so many seconds."""

FINISHED_TOGETHER = 100
CANCELED = "It was canceled on request."


class Store(SubmissionReader, Clock, Protocol): ...


class Publisher(JobPublisher, EventPublisher, QueueDepths, Protocol): ...


class Lifecycle:
    def __init__(self, store: Store, lifecycle_store: LifecycleStore, publisher: Publisher) -> None:
        self._store = store
        self._lifecycle_store = lifecycle_store
        self._publisher = publisher

    def cancel(self, submission: Submission) -> Submission:
        """Cancel what has not ended; canceling twice changes nothing.

        Raises IllegalMove, SubmissionGone and StoreUnavailable.
        """

        def change(found: Submission) -> bool:
            if found.state is SubmissionState.CANCELED:
                return True
            if found.state.terminal:
                raise IllegalMove(f"The submission has {found.state}: there is nothing left to cancel.")
            return self._cancel(found)

        return self._changed(submission, change)

    def retry(self, submission: Submission) -> Submission:
        """Queue what failed or was canceled, and ring for it. Raises as ``cancel`` does."""

        def change(found: Submission) -> bool:
            if not found.state.retryable:
                raise IllegalMove(f"The submission is {found.state}: only what failed or was canceled is retried.")
            workflow = found.workflow
            queue_depth = self._publisher.backlog(workflow.name).waiting
            if not self._lifecycle_store.retry(found, queue_depth, RETRY_DUE_SECONDS, self._store.now()):
                return False
            self._publish_event(found, SubmissionState.QUEUED)
            self._publisher.publish(Job(found.id, workflow.name, workflow.version))
            log.info("submission retried", submission_id=found.id)
            return True

        return self._changed(submission, change)

    def delete(self, submission: Submission) -> None:
        """Delete a submission and its pictures, after canceling it if need be.

        The document goes before the pictures: a submission that can be read has all that it names. Raises IllegalMove
        when others move it again and again, and StoreUnavailable.
        """
        found: Submission | None = submission
        for _ in range(TRIES):
            if found is None:
                return  # another request has deleted it
            if not found.state.terminal:
                self._cancel(found)  # and read it anew: from then on nobody adds a picture to what it names
            elif self._delete(found):
                return
            found = self._store.fetch(submission.id)
        raise _contended(submission)

    def finish_deletions(self) -> None:
        """Finish what a gateway that stopped had begun. Raises StoreUnavailable."""
        for deletion in self._lifecycle_store.unfinished(FINISHED_TOGETHER, self._store.now()):
            left = self._store.fetch(deletion.submission_id)
            if left is None:
                self._lifecycle_store.clear(deletion)
                continue
            try:
                self.delete(left)
            except IllegalMove as error:
                log.warning("deletion put off", submission_id=left.id, error=error.message)

    def _delete(self, submission: Submission) -> bool:
        names = (INPUT_NAME, *(artifact.name for artifact in submission.artifacts))
        deletion = Deletion(submission.id, names)
        self._lifecycle_store.write_tombstone(deletion, self._store.now())
        if not self._lifecycle_store.remove(submission):
            return False
        self._lifecycle_store.clear(deletion)
        log.info("submission deleted", submission_id=submission.id)
        return True

    def _cancel(self, submission: Submission) -> bool:
        if not self._lifecycle_store.cancel(submission, CANCELED, self._store.now()):
            return False
        self._publish_event(submission, SubmissionState.CANCELED)
        log.info("submission canceled", submission_id=submission.id, was=submission.state.value)
        return True

    def _changed(self, submission: Submission, change: Callable[[Submission], bool]) -> Submission:
        """Move it and return it as it stands then. Who is overtaken looks and tries again, a few times."""
        changed = False
        for _ in range(TRIES):
            changed = change(submission)
            found = self._store.fetch(submission.id)
            if found is None:
                raise SubmissionGone(f"The submission {submission.id} was deleted at this moment.")
            submission = found
            if changed:
                return submission
        raise _contended(submission)

    def _publish_event(self, submission: Submission, state: SubmissionState) -> None:
        # An orchestrator may have written since our look: only the document knows the event's number.
        self._publisher.publish_event(SubmissionChanged(submission.id, submission.workflow.name, state, None))


def _contended(submission: Submission) -> IllegalMove:
    return IllegalMove(f"The submission {submission.id} is moved by others again and again. Ask once more.")
