"""The lifecycle's and the idempotency's stores in memory, over the documents of a MemoryStore."""

from __future__ import annotations

from datetime import datetime, timedelta

from contracts.submissions.documents import INPUT_NAME, Submission, to_document
from contracts.submissions.events import step_events, submission_event
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from contracts.submissions.tombstones import GoneReason, Tombstone
from gateway.adapters.mongo.lifecycle import UNFINISHED_SECONDS
from gateway.submissions.ports import Deletion, RequestKey
from tests.support.fake_data import MemoryTombstones
from tests.support.fakes import MemoryStore


class MemoryLifecycleStore:
    def __init__(self, store: MemoryStore, tombstones: MemoryTombstones | None = None) -> None:
        self.store = store
        self.tombstones = tombstones if tombstones is not None else MemoryTombstones(store)
        self.due: dict[str, tuple[datetime, Deletion]] = {}

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        with self.store._lock:
            steps = [
                step | ({"state": StepState.PENDING} if step["state"] == StepState.RUNNING else {})
                for step in self.store.documents.get(submission.id, {"steps": []})["steps"]
            ]
            changes = {
                "state": submission.state.become(SubmissionState.CANCELED),
                "reason": reason,
                "steps": steps,
                "fence": submission.fence + 1,
                "ended_at": at,
                "events": [submission_event(SubmissionState.CANCELED, at, reason)],
                **self.store._webhook_due(submission.id),
            }
            return self.store._update(submission, changes, ("lease", "due_at", "not_before"))

    def retry(self, submission: Submission, queue_depth: int, due_in_seconds: float, at: datetime) -> bool:
        steps = submission.renewed_steps()
        known = {step.name: step.state for step in submission.steps}
        changes = {
            "state": submission.state.become(SubmissionState.QUEUED),
            "steps": [step.model_dump(by_alias=True, exclude_none=True) for step in steps],
            "fence": submission.fence + 1,
            "lost_leases": 0,
            "retries": submission.retries + 1,
            "retried_at": at,
            "queue_depth_at_submit": queue_depth,
            "due_at": at + timedelta(seconds=due_in_seconds),
            "events": [*step_events(known, steps, at), submission_event(SubmissionState.QUEUED, at, "again")],
        }
        webhook = self.store.documents.get(submission.id, {}).get("webhook")
        if webhook:
            changes["webhook"] = {name: webhook[name] for name in webhook if name not in {"due_at", "sent_at"}}
        return self.store._update(submission, changes, ("reason", "ended_at", "not_before", "published_at", "lease"))

    def write_tombstone(self, deletion: Deletion, at: datetime) -> None:
        self.store._answer()
        self.tombstones.write_tombstone(Tombstone.of(deletion.submission_id, GoneReason.DELETED, at))
        self.due[deletion.submission_id] = (at + timedelta(seconds=UNFINISHED_SECONDS), deletion)

    def remove(self, submission: Submission) -> bool:
        self.store._answer()
        with self.store._lock:
            found = self.store.documents.get(submission.id)
            if not found or (found["state"], found["fence"]) != (submission.state, submission.fence):
                return False
            del self.store.documents[submission.id]
            return True

    def clear(self, deletion: Deletion) -> None:
        self.store._answer()
        for name in deletion.images:
            self.store.images.pop(f"{deletion.submission_id}/{name}", None)
        self.due.pop(deletion.submission_id, None)

    def unfinished(self, limit: int, at: datetime) -> list[Deletion]:
        self.store._answer()
        return [deletion for due, deletion in self.due.values() if due < at][:limit]


class MemoryIdempotencyStore:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.keys: dict[str, RequestKey] = {}

    def find(self, key_id: str) -> RequestKey | None:
        self.store._answer()
        return self.keys.get(key_id)

    def claim(self, key: RequestKey) -> bool:
        self.store._answer()
        return self.keys.setdefault(key.id, key) is key

    def forget(self, key: RequestKey) -> None:
        self.store._answer()
        if self.keys.get(key.id) == key:
            del self.keys[key.id]

    def accept_once(self, submission: Submission, image: bytes) -> bool:
        self.store._answer()
        with self.store._lock:
            self.store.images.setdefault(
                f"{submission.id}/{INPUT_NAME}", StoredImage(submission.input.media_type, image)
            )
            if submission.id in self.store.documents:
                return False
            self.store.documents[submission.id] = to_document(submission)
            return True
