"""Cancel, retry and delete in MongoDB: compare-and-set on state and fence, like every write to a submission."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from contracts.storage import layout
from contracts.storage.update_pipelines import ENDED, appended, from_now, literal
from contracts.submissions.documents import Submission, image_key
from contracts.submissions.events import step_events, submission_event
from contracts.submissions.states import StepState, SubmissionState
from contracts.submissions.tombstones import GoneReason, Tombstone
from gateway.submissions.ports import Deletion
from runtime.mongo import Database, Document, translated

UNFINISHED_SECONDS = 60
"""A deletion that is still incomplete after this time was interrupted: its gateway stopped."""

WEBHOOK_STATE = ("webhook.due_at", "webhook.sent_at")
"""A retry clears these: the webhook is sent when the submission ends again."""

STEPS_STOPPED: Document = {
    "$map": {
        "input": "$steps",
        "as": "step",
        "in": {
            "$cond": [
                {"$eq": ["$$step.state", StepState.RUNNING.value]},
                {"$mergeObjects": ["$$step", {"state": StepState.PENDING.value}]},
                "$$step",
            ]
        },
    }
}
"""The submission's steps, with running ones set back to pending. The database computes this, because an orchestrator
may checkpoint between this gateway's read and its write, and that checkpoint must not be lost."""


class MongoLifecycleStore:
    """The lifecycle's port on MongoDB's protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._submissions = database.journaled(layout.SUBMISSIONS)
        self._tombstones = database.journaled(layout.TOMBSTONES)
        self._images = database.unjournaled(layout.IMAGES)

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        event = submission_event(submission.state.become(SubmissionState.CANCELED), at, reason)
        changes = {
            "state": SubmissionState.CANCELED.value,
            "reason": {"$literal": reason},
            "steps": STEPS_STOPPED,
            **ENDED,
            **appended([event]),
        }
        return self._update(submission, changes, unset=["lease", "due_at", "not_before"])

    def retry(self, submission: Submission, unjournaled: int, due_in_seconds: float, at: datetime) -> bool:
        event = submission_event(submission.state.become(SubmissionState.QUEUED), at, "It was retried on request.")
        # No process writes the steps of a submission that has ended, so the steps as read are still the stored ones.
        steps = submission.renewed_steps()
        events = step_events({step.name: step.state for step in submission.steps}, steps, at)
        changes = {
            "state": SubmissionState.QUEUED.value,
            "steps": literal(steps),
            "lost_leases": 0,
            "retries": submission.retries + 1,
            "retried_at": "$$NOW",
            "queue_depth_at_submit": unjournaled,
            "due_at": from_now(due_in_seconds),
            **appended([*events, event]),
        }
        return self._update(
            submission, changes, unset=["reason", "ended_at", "not_before", "published_at", "lease", *WEBHOOK_STATE]
        )

    def write_tombstone(self, deletion: Deletion, at: datetime) -> None:
        document: Document = Tombstone.of(deletion.submission_id, GoneReason.DELETED, at).document()
        document |= {"images": list(deletion.images), "due_at": at + timedelta(seconds=UNFINISHED_SECONDS)}
        with translated():
            try:
                self._tombstones.replace_one({"_id": document["_id"]}, document, upsert=True)
            except DuplicateKeyError:
                return  # a concurrent request stores the same tombstone

    def remove(self, submission: Submission) -> bool:
        with translated():
            return self._submissions.delete_one(_unchanged(submission)).deleted_count == 1

    def clear(self, deletion: Deletion) -> None:
        with translated():
            for name in deletion.images:
                self._images.delete_one({"_id": image_key(deletion.submission_id, name)})
            self._tombstones.update_one({"_id": deletion.submission_id}, {"$unset": {"due_at": "", "images": ""}})

    def unfinished(self, limit: int, at: datetime) -> list[Deletion]:
        with translated():
            found = self._tombstones.find({"due_at": {"$lt": at}}).limit(limit)
            return [Deletion(document["_id"], tuple(document.get("images", ()))) for document in found]

    def _update(self, submission: Submission, changes: Document, unset: list[str]) -> bool:
        """Write under the next fence, so that later writes of the submission's orchestrator change nothing."""
        pipeline: list[Document] = [{"$set": changes | {"fence": submission.fence + 1}}, {"$unset": unset}]
        with translated():
            return self._submissions.update_one(_unchanged(submission), pipeline).matched_count == 1


def _unchanged(submission: Submission) -> Document:
    return {"_id": submission.id, "state": submission.state.value, "fence": submission.fence}
