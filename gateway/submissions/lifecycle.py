"""Cancels, retries and deletes submissions at a client's request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from contracts.errors import IllegalMove, SubmissionGone
from contracts.messaging.jobs import Job
from contracts.submissions.documents import INPUT_NAME, Submission, WorkflowRef
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
"""A submission changes state a few times in its life. After this many lost races the client has to try again."""

RETRY_DUE_SECONDS = 5.0
"""When the sweep checks a retried submission whose job was not published."""

DELETIONS_PER_RUN = 100
CANCELED = "It was canceled on request."


class Store(SubmissionReader, Clock, Protocol): ...


class Publisher(JobPublisher, EventPublisher, QueueDepths, Protocol): ...


class Lifecycle:
    """``published`` says whether this gateway's catalogue has exactly this version of a workflow."""

    def __init__(
        self,
        store: Store,
        lifecycle_store: LifecycleStore,
        publisher: Publisher,
        published: Callable[[WorkflowRef], bool],
    ) -> None:
        self._store = store
        self._published = published
        self._lifecycle_store = lifecycle_store
        self._publisher = publisher

    def cancel(self, submission: Submission) -> Submission:
        """Cancel a submission that has not ended. Canceling a canceled one changes nothing.

        Raises IllegalMove, SubmissionGone and StoreUnavailable.
        """

        def change(found: Submission) -> bool:
            if found.state is SubmissionState.CANCELED:
                return True
            if found.state.terminal:
                raise IllegalMove(f"The submission has already {found.state}, so it cannot be canceled.")
            return self._cancel(found)

        return self._apply(submission, change)

    def retry(self, submission: Submission) -> Submission:
        """Queue a failed or canceled submission and publish its job. Raises the same errors as ``cancel``.

        A submission of a version that is not published any more stays as it is: no orchestrator could run it.
        """

        def change(found: Submission) -> bool:
            if not found.state.retryable:
                raise IllegalMove(f"The submission is {found.state}: only failed or canceled ones can be retried.")
            workflow = found.workflow
            if not self._published(workflow):
                raise IllegalMove(
                    f"The submission cannot be retried: its workflow {workflow.name} {workflow.version} is not "
                    "published here any more. Submit the image again to a published version."
                )
            queue_depth = self._publisher.backlog(workflow.name).waiting
            if not self._lifecycle_store.retry(found, queue_depth, RETRY_DUE_SECONDS, self._store.now()):
                return False
            self._publish_event(found, SubmissionState.QUEUED)
            self._publisher.publish(Job(found.id, workflow.name, workflow.version))
            log.info("submission retried", submission_id=found.id)
            return True

        return self._apply(submission, change)

    def delete(self, submission: Submission) -> None:
        """Delete a submission and its images, and cancel it first if it has not ended.

        The document is deleted before the images, so a readable submission always has its images. Raises IllegalMove
        when other requests keep changing it, and StoreUnavailable.
        """
        found: Submission | None = submission
        for _ in range(TRIES):
            if found is None:
                return  # another request has deleted it
            if not found.state.terminal:
                self._cancel(found)  # then read it again: after a cancel no orchestrator adds images
            elif self._delete(found):
                return
            found = self._store.fetch(submission.id)
        raise _contended(submission)

    def finish_deletions(self) -> None:
        """Finish the deletions that a stopped gateway left incomplete. Raises StoreUnavailable."""
        for deletion in self._lifecycle_store.unfinished(DELETIONS_PER_RUN, self._store.now()):
            left = self._store.fetch(deletion.submission_id)
            if left is None:
                self._lifecycle_store.clear(deletion)
                continue
            try:
                self.delete(left)
            except IllegalMove as error:
                log.warning("deletion postponed", submission_id=left.id, error=error.message)

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

    def _apply(self, submission: Submission, change: Callable[[Submission], bool]) -> Submission:
        """Apply ``change`` and return the submission as stored. Rereads and retries after a lost race, TRIES times."""
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
        # An orchestrator may have written since this gateway read: only the document has the event's number.
        self._publisher.publish_event(SubmissionChanged(submission.id, submission.workflow.name, state, None))


def _contended(submission: Submission) -> IllegalMove:
    return IllegalMove(f"Other requests keep changing the submission {submission.id}. Try again.")
