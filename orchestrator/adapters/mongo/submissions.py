"""Submissions and images in MongoDB: claims by compare-and-set, every later write fenced.

Every write is one ``update_one`` whose filter is plain equality on ``_id``, ``state`` and ``fence``: that is a point
update on MongoDB and on SecantusDB. Update pipelines set leases by the database's clock (``$$NOW``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from pymongo.errors import DuplicateKeyError

from contracts.errors import InvalidDocument, LeaseLost, UnknownSchema
from contracts.storage import layout
from contracts.storage.update_pipelines import ENDED, appended, from_now, literal
from contracts.submissions.documents import Artifact, Submission, from_document, image_key
from contracts.submissions.events import submission_event
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from orchestrator.ports import Claim, Progress
from runtime.mongo import Database, Document, translated

log = structlog.get_logger()

BROKEN_DUE_SECONDS = 3600.0
"""How often a document that no release wrote is read and logged."""

UPDATE_BATCH = 50
"""Submissions in one update: no other write runs beside it, and five hundred take seconds on a busy machine."""

FIRST_WINDOW_SECONDS = 5.0
"""The first window of ``due_at`` that is read of a long backlog; each further window is twice as long."""

NEWER_DUE_SECONDS = 60.0
"""When documents of a newer release fill a whole batch, they are postponed by this long."""


class MongoSubmissions:
    """The orchestrator's submission store on the MongoDB protocol. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = database.journaled(layout.SUBMISSIONS)
        self._unjournaled = database.unjournaled(layout.SUBMISSIONS)
        self._images = database.unjournaled(layout.IMAGES)
        self._read_until: datetime | None = None

    def now(self) -> datetime:
        return self._database.now()

    def prepare(self) -> None:
        self._database.prepare()

    def read(self, submission_id: str) -> Submission | None:
        return self._database.submission(submission_id)

    def image(self, submission_id: str, name: str) -> StoredImage | None:
        return self._database.image(submission_id, name)

    def claim(self, submission: Submission, owner: str, lease_seconds: float, progress: Progress) -> Claim | None:
        submission.state.become(SubmissionState.RUNNING)
        until = from_now(lease_seconds)
        changed = self._update(
            Claim(submission.id, submission.fence),
            submission.state,
            {
                "state": SubmissionState.RUNNING.value,
                "fence": submission.fence + 1,
                "steps": literal(progress.steps),
                **appended(progress.events),
                "lease": {"owner": {"$literal": owner}, "until": until},
                "due_at": until,
                "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            },
            unset=["reason", "not_before"],
        )
        return Claim(submission.id, submission.fence + 1) if changed else None

    def renew(self, claim: Claim, lease_seconds: float) -> None:
        until = from_now(lease_seconds)
        self._write(claim, {"lease.until": until, "due_at": until}, flush=False)

    def save_artifact(self, claim: Claim, submission: Submission, artifact: Artifact, data: bytes) -> None:
        key = image_key(submission.id, artifact.name)
        document: Document = {"media_type": artifact.media_type, "data": data, "fence": claim.fence}
        if submission.expires_at is not None:
            document["expires_at"] = submission.expires_at
        # An image carries its fence as a submission does. If one with a newer fence is stored, nothing matches, and the
        # insertion that follows fails on its key.
        older = {"_id": key, "fence": {"$not": {"$gt": claim.fence}}}
        with translated():
            try:
                self._images.replace_one(older, document, upsert=True)
            except DuplicateKeyError as error:
                raise LeaseLost(f"{key} was stored by a later owner than fence {claim.fence}.") from error

    def discard(self, claim: Claim, names: Collection[str]) -> None:
        with translated():
            stored = self._submissions.find_one({"_id": claim.submission_id}, {"artifacts.name": 1}) or {}
            named = {artifact["name"] for artifact in stored.get("artifacts", [])}
            for name in sorted(set(names) - named):
                # Equality on the fence: what a later owner stored under this name is kept.
                self._images.delete_one({"_id": image_key(claim.submission_id, name), "fence": claim.fence})

    def checkpoint(self, claim: Claim, progress: Progress) -> None:
        self._write(claim, _saved(progress))

    def succeed(self, claim: Claim, progress: Progress, result: Document) -> None:
        self._finish(claim, progress, {"state": SubmissionState.SUCCEEDED.value, "result": {"$literal": result}})

    def fail(self, claim: Claim, progress: Progress, reason: str) -> None:
        self._finish(claim, progress, {"state": SubmissionState.FAILED.value, "reason": {"$literal": reason}})

    def defer(self, claim: Claim, progress: Progress, reason: str, seconds: float) -> None:
        resting = [
            step.model_copy(update={"state": StepState.PENDING}) if step.state is StepState.RUNNING else step
            for step in progress.steps
        ]
        self._write(
            claim,
            {
                **_saved(replace(progress, steps=resting)),
                "state": SubmissionState.QUEUED.value,
                "reason": {"$literal": reason},
                "not_before": from_now(seconds),
                # The delay queue delivers the job at not_before; a sweep publishes it if that message is lost.
                "due_at": from_now(seconds + 2.0),
            },
            unset=["lease"],
        )

    def due(self, limit: int) -> list[Submission]:
        now = self._database.measure_time()
        with translated():
            found = self._oldest_due(now, limit)
        submissions: list[Submission] = []
        newer, broken = [], []
        for document in found:
            try:
                submissions.append(from_document(document))
            except UnknownSchema:
                newer.append(document["_id"])  # the sweep of its own release handles it
            except InvalidDocument as error:
                log.warning("submission unreadable", error=error.message)
                broken.append(document["_id"])
        self._postpone_unreadable(broken, now, BROKEN_DUE_SECONDS)
        if len(found) == limit:
            # Otherwise they would fill every batch, and nothing else would be read.
            self._postpone_unreadable(newer, now, NEWER_DUE_SECONDS)
        return submissions

    def _oldest_due(self, now: datetime, limit: int) -> list[Document]:
        """Return what is due. After a query that found ``limit`` documents, the next ones continue behind it.

        SecantusDB reads the whole index range whatever the limit is: with a backlog of thousands, each query would read
        all of it. So the backlog is read as a whole once, and then in windows of a few seconds.
        """
        low, width = self._read_until, timedelta(seconds=FIRST_WINDOW_SECONDS)
        found: list[Document] = []
        if low is None:
            found = list(self._submissions.find({"due_at": {"$lt": now}}).limit(limit))
        while low is not None and low < now and len(found) < limit:
            high = min(now, low + width)
            found += self._submissions.find({"due_at": {"$gte": low, "$lt": high}}).limit(limit - len(found))
            low, width = high, width * 2
        self._read_until = max(each["due_at"] for each in found) if len(found) >= limit else None
        return found

    def postpone_all(self, submissions: list[Submission], due_in_seconds: float) -> None:
        now = self.now()
        for first in range(0, len(submissions), UPDATE_BATCH):
            chosen = {"$in": [each.id for each in submissions[first : first + UPDATE_BATCH]]}
            point = {"_id": chosen, "state": SubmissionState.QUEUED.value, "due_at": {"$lt": now}}
            with translated():
                self._unjournaled.update_many(point, [{"$set": {"due_at": from_now(due_in_seconds)}}])

    def _postpone_unreadable(self, submission_ids: list[str], now: datetime, seconds: float) -> None:
        """Postpone what this release cannot read, unless another process has postponed it since ``now``."""
        if submission_ids:
            with translated():
                self._unjournaled.update_many(
                    {"_id": {"$in": submission_ids}, "due_at": {"$lt": now}}, [{"$set": {"due_at": from_now(seconds)}}]
                )

    def mark_republished(self, submission: Submission, due_in_seconds: float) -> None:
        changes = {"published_at": "$$NOW", "due_at": from_now(due_in_seconds)}
        self._update(Claim(submission.id, submission.fence), submission.state, changes, flush=False)

    def postpone(self, submission: Submission, due_in_seconds: float) -> None:
        changes = {"due_at": from_now(due_in_seconds)}
        self._update(Claim(submission.id, submission.fence), submission.state, changes, flush=False)

    def take_back(self, submission: Submission, due_in_seconds: float) -> bool:
        submission.state.become(SubmissionState.QUEUED)
        reason = "The orchestrator that ran it stopped; another one continues."
        return self._expire(
            submission,
            {
                "state": SubmissionState.QUEUED.value,
                "reason": reason,
                "due_at": from_now(due_in_seconds),
                **appended([submission_event(SubmissionState.QUEUED, self.now(), reason)]),
            },
            unset=["lease"],
        )

    def fail_as_poison(self, submission: Submission, reason: str) -> bool:
        submission.state.become(SubmissionState.FAILED)
        return self._expire(
            submission,
            {
                "state": SubmissionState.FAILED.value,
                "reason": {"$literal": reason},
                **ENDED,
                **appended([submission_event(SubmissionState.FAILED, self.now(), reason)]),
            },
            unset=["lease", "due_at"],
        )

    def _expire(self, submission: Submission, changes: Document, unset: list[str]) -> bool:
        """Write under the next fence, so that the owner whose lease expired can write nothing more.

        The filter includes the lease's end: an owner that renewed it in the meantime keeps the submission.
        """
        assert submission.lease is not None
        point = {"_id": submission.id, "state": submission.state.value, "fence": submission.fence}
        changes |= {"fence": submission.fence + 1, "lost_leases": submission.lost_leases + 1}
        with translated():
            outcome = self._submissions.update_one(
                point | {"lease.until": submission.lease.until}, [{"$set": changes}, {"$unset": unset}]
            )
        return outcome.matched_count == 1

    def _finish(self, claim: Claim, progress: Progress, changes: Document) -> None:
        self._write(
            claim,
            changes | _saved(progress) | ENDED,
            unset=["lease", "due_at", "not_before"],
        )

    def _write(self, claim: Claim, changes: Document, unset: list[str] | None = None, *, flush: bool = True) -> None:
        if not self._update(claim, SubmissionState.RUNNING, changes, unset, flush=flush):
            raise LeaseLost(f"Submission {claim.submission_id} belongs to another owner than fence {claim.fence}.")

    def _update(
        self,
        claim: Claim,
        state: SubmissionState,
        changes: Document,
        unset: list[str] | None = None,
        *,
        flush: bool = True,
    ) -> bool:
        pipeline: list[Document] = [{"$set": changes}]
        if unset:
            pipeline.append({"$unset": unset})
        with translated():
            outcome = (self._submissions if flush else self._unjournaled).update_one(
                {"_id": claim.submission_id, "state": state.value, "fence": claim.fence}, pipeline
            )
        return outcome.matched_count == 1


def _saved(progress: Progress) -> Document:
    changes = {"steps": literal(progress.steps), "artifacts": literal(progress.artifacts)}
    return changes | appended(progress.events)
