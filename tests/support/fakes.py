"""The ports in memory. The same tests run against these stores and the real ones (tests/integration)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from admin.ports import DeadLetter
from contracts.errors import (
    BrokerUnavailable,
    InvalidDocument,
    LeaseLost,
    StoreUnavailable,
    UnknownSchema,
    UnknownWorkflow,
)
from contracts.messaging.jobs import Job
from contracts.submissions.documents import (
    EVENTS_KEPT,
    INPUT_NAME,
    Artifact,
    Lease,
    ModelRef,
    Submission,
    from_document,
    to_document,
)
from contracts.submissions.events import SubmissionChanged, submission_event
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from gateway.submissions.ports import Backlog
from orchestrator import ports
from orchestrator.adapters.mongo.submissions import BROKEN_DUE_SECONDS, NEWER_DUE_SECONDS
from tests.support.factories import NOW


class FakeClock:
    """Time passes only when code sleeps, or when a test advances it."""

    def __init__(self) -> None:
        self.time = NOW
        self.stopped = False
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOW).total_seconds()

    def sleep(self, seconds: float) -> bool:
        if self.stopped:
            return False
        self.slept.append(seconds)
        self.advance(seconds)
        return True

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class MemoryStore:
    """The gateway's and the orchestrator's store. ``away`` makes every call fail, as a database that is down."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.documents: dict[str, dict[str, Any]] = {}
        self.images: dict[str, StoredImage] = {}
        self.picture_fences: dict[str, int] = {}
        self.away = False
        self.writes = 0
        self._lock = threading.RLock()

    # the gateway's side

    def accept(self, submission: Submission, image: bytes) -> None:
        self._answer()
        self.images[f"{submission.id}/{INPUT_NAME}"] = StoredImage(submission.input.media_type, image)
        self.documents[submission.id] = to_document(submission)

    def mark_published(self, submission_ids: list[str]) -> None:
        self._answer()
        for key in submission_ids:
            document = self.documents.get(key)
            if document and document["state"] == SubmissionState.QUEUED and document["fence"] == 0:
                document |= {"published_at": self.now(), "due_at": self._later(30.0)}

    def now(self) -> datetime:
        return self.clock.now()

    def ping(self) -> None:
        self._answer()

    def fetch(self, submission_id: str) -> Submission | None:
        self._answer()
        document = self.documents.get(submission_id)
        return from_document(document) if document else None

    # both sides

    def image(self, submission_id: str, name: str) -> StoredImage | None:
        self._answer()
        return self.images.get(f"{submission_id}/{name}")

    # the orchestrator's side

    def mark_republished(self, submission: Submission, due_in_seconds: float) -> None:
        self._answer()
        self._update(submission, {"published_at": self.now(), "due_at": self._later(due_in_seconds)})

    def prepare(self) -> None:
        self._answer()

    read = fetch

    def claim(
        self, submission: Submission, owner: str, lease_seconds: float, progress: ports.Progress
    ) -> ports.Claim | None:
        submission.state.become(SubmissionState.RUNNING)
        until = self._later(lease_seconds)
        changed = self._update(
            submission,
            {
                "state": SubmissionState.RUNNING,
                "fence": submission.fence + 1,
                "steps": _dump(progress.steps),
                "events": progress.events,
                "lease": Lease(owner=owner, until=until).model_dump(),
                "due_at": until,
                "started_at": submission.started_at or self.now(),
            },
            unset=("reason", "not_before"),
        )
        return ports.Claim(submission.id, submission.fence + 1) if changed else None

    def renew(self, claim: ports.Claim, lease_seconds: float) -> None:
        until = self._later(lease_seconds)
        with self._lock:
            lease = dict(self.documents[claim.submission_id].get("lease", {}))
            self._write(claim, {"lease": lease | {"until": until}, "due_at": until})

    def save_artifact(self, claim: ports.Claim, submission: Submission, artifact: Artifact, data: bytes) -> None:
        self._answer()
        key = f"{submission.id}/{artifact.name}"
        with self._lock:
            if self.picture_fences.get(key, 0) > claim.fence:
                raise LeaseLost("another owner")
            self.picture_fences[key] = claim.fence
            self.images[key] = StoredImage(artifact.media_type, data)

    def discard(self, claim: ports.Claim, names: Collection[str]) -> None:
        self._answer()
        with self._lock:
            named = {each["name"] for each in self.documents.get(claim.submission_id, {}).get("artifacts", [])}
            for key in (f"{claim.submission_id}/{name}" for name in set(names) - named):
                if self.picture_fences.get(key) == claim.fence:
                    del self.images[key], self.picture_fences[key]

    def checkpoint(self, claim: ports.Claim, progress: ports.Progress) -> None:
        self._write(claim, _saved(progress))

    def succeed(self, claim: ports.Claim, progress: ports.Progress, result: dict[str, Any]) -> None:
        self._finish(claim, progress, {"state": SubmissionState.SUCCEEDED, "result": result})

    def fail(self, claim: ports.Claim, progress: ports.Progress, reason: str) -> None:
        self._finish(claim, progress, {"state": SubmissionState.FAILED, "reason": reason})

    def defer(self, claim: ports.Claim, progress: ports.Progress, reason: str, seconds: float) -> None:
        resting = [
            step.model_copy(update={"state": StepState.PENDING}) if step.state is StepState.RUNNING else step
            for step in progress.steps
        ]
        self._write(
            claim,
            {
                **_saved(replace(progress, steps=resting)),
                "state": SubmissionState.QUEUED,
                "reason": reason,
                "not_before": self._later(seconds),
                "due_at": self._later(seconds + 2),
            },
            unset=("lease",),
        )

    def due(self, limit: int) -> list[Submission]:
        self._answer()
        submissions, newer = [], []
        with self._lock:
            waiting = [document for document in self.documents.values() if "due_at" in document]
            found = sorted((each for each in waiting if each["due_at"] < self.now()), key=lambda each: each["due_at"])
            for document in found[:limit]:
                try:
                    submissions.append(from_document(document))
                except UnknownSchema:
                    newer.append(document)
                except InvalidDocument:
                    document["due_at"] = self._later(BROKEN_DUE_SECONDS)
            if len(found) >= limit:
                for document in newer:
                    document["due_at"] = self._later(NEWER_DUE_SECONDS)
        return submissions

    def postpone(self, submission: Submission, due_in_seconds: float) -> None:
        self._update(submission, {"due_at": self._later(due_in_seconds)})

    def postpone_all(self, submissions: list[Submission], due_in_seconds: float) -> None:
        self._answer()
        for document in [self.documents[each.id] for each in submissions if each.id in self.documents]:
            if document["state"] == SubmissionState.QUEUED and document["due_at"] < self.now():
                document["due_at"] = self._later(due_in_seconds)

    def take_back(self, submission: Submission, due_in_seconds: float) -> bool:
        submission.state.become(SubmissionState.QUEUED)
        event = submission_event(SubmissionState.QUEUED, self.now(), "taken back")
        changes = {"state": SubmissionState.QUEUED, "reason": "taken back", "due_at": self._later(due_in_seconds)}
        changes["events"] = [event]
        return self._expire(submission, changes, ("lease",))

    def fail_as_poison(self, submission: Submission, reason: str) -> bool:
        submission.state.become(SubmissionState.FAILED)
        changes = {"state": SubmissionState.FAILED, "reason": reason, "ended_at": self.now()}
        changes["events"] = [submission_event(SubmissionState.FAILED, self.now(), reason)]
        changes |= self._webhook_due(submission.id)
        return self._expire(submission, changes, ("lease", "due_at"))

    def _expire(self, submission: Submission, changes: dict[str, Any], unset: tuple[str, ...]) -> bool:
        with self._lock:
            assert submission.lease is not None
            lease = self.documents[submission.id].get("lease")
            if lease is None or lease["until"] != submission.lease.until:
                return False
            counted = {"fence": submission.fence + 1, "lost_leases": submission.lost_leases + 1}
            return self._update(submission, changes | counted, unset)

    def _finish(self, claim: ports.Claim, progress: ports.Progress, changes: dict[str, Any]) -> None:
        ended = _saved(progress) | {"ended_at": self.now()} | self._webhook_due(claim.submission_id)
        self._write(claim, changes | ended, unset=("lease", "due_at", "not_before"))

    def _write(self, claim: ports.Claim, changes: dict[str, Any], unset: tuple[str, ...] = ()) -> None:
        with self._lock:
            self._answer()
            document = self.documents.get(claim.submission_id)
            held = document and document["state"] == SubmissionState.RUNNING and document["fence"] == claim.fence
            if not document or not held:
                raise LeaseLost("another owner")
            self._apply(document, changes, unset)

    def _update(self, submission: Submission, changes: dict[str, Any], unset: tuple[str, ...] = ()) -> bool:
        with self._lock:
            self._answer()
            document = self.documents.get(submission.id)
            if not document or (document["state"], document["fence"]) != (submission.state, submission.fence):
                return False
            self._apply(document, changes, unset)
            return True

    def _apply(self, document: dict[str, Any], changes: dict[str, Any], unset: tuple[str, ...]) -> None:
        self.writes += 1
        new = _dump(changes.pop("events", []))
        if new:
            document["events"] = [*document.get("events", []), *new][-EVENTS_KEPT:]
            document["event_count"] = document.get("event_count", 0) + len(new)
        document |= changes
        for name in unset:
            document.pop(name, None)

    def _webhook_due(self, submission_id: str) -> dict[str, Any]:
        """What layout.WEBHOOK_DUE comes to."""
        known = self.documents.get(submission_id, {}).get("webhook")
        if not known:
            return {}
        due = {"url": known["url"], "attempts": known["attempts"], "tries": 0, "due_at": self.now()}
        return {"webhook": due}

    def _later(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("The database does not answer.")


def _dump(models: Sequence[Any]) -> list[dict[str, Any]]:
    return [model.model_dump(by_alias=True, exclude_none=True) for model in models]


def _saved(progress: ports.Progress) -> dict[str, Any]:
    return {
        "steps": _dump(progress.steps),
        "artifacts": _dump(progress.artifacts),
        "events": progress.events,
    }


class FakeModels:
    """Answers by model name: a value, an exception to raise, or a function of the call's number (from 1)."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def predict(self, model: ModelRef, picture: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        with self._lock:
            self.calls.append(model.name)
            number = self.calls.count(model.name)
        answer = self.answers[model.name]
        if isinstance(answer, Callable):  # type: ignore[arg-type]  # mypy has no isinstance for Callable
            answer = answer(number)
        if isinstance(answer, Exception):
            raise answer
        return answer, "http://model.test"


class FakeLetters:
    """The dead letters in memory: what is held and not removed is back when the block ends."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = list(letters)
        self.published: list[Job] = []
        self.queues = {"digits", "gated"}
        self.away = False
        self._held: list[DeadLetter] = []

    def __enter__(self) -> FakeLetters:
        if self.away:
            raise BrokerUnavailable("The broker does not answer.")
        return self

    def __exit__(self, *_: object) -> None:
        self.letters, self._held = self._held + self.letters, []

    def waiting(self) -> int:
        return len(self.letters)

    def read(self, limit: int) -> list[DeadLetter]:
        self._held, self.letters = self.letters[:limit], self.letters[limit:]
        return list(self._held)

    def remove(self, letter: DeadLetter) -> None:
        assert letter.message_id in {job.submission_id for job in self.published}, (
            "removed before its job was published"
        )
        self._held.remove(letter)

    def publish(self, job: Job) -> None:
        if job.workflow not in self.queues:
            raise UnknownWorkflow(f"no queue takes jobs of {job.workflow}.")
        self.published.append(job)


class FakeEventPublisher:
    """Records the published events."""

    def __init__(self) -> None:
        self.changes: list[SubmissionChanged] = []

    def publish_event(self, change: SubmissionChanged) -> None:
        self.changes.append(change)


class FakeJobPublisher:
    """Records the published jobs: (submission id, delay in seconds). ``away`` makes each call fail."""

    def __init__(self) -> None:
        self.published: list[tuple[str, float]] = []
        self.dead_lettered: list[str] = []
        self.waits: dict[str, int] = {}
        self.drained_per_second = 0.0
        self.away = False

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
        self._answer()
        self.published.append((job.submission_id, delay_seconds))

    def dead_letter_job(self, job: Job) -> None:
        self._answer()
        self.dead_lettered.append(job.submission_id)

    def waiting(self, workflow: str) -> int:
        self._answer()
        return self.waits.get(workflow, 0)

    def backlog(self, workflow: str) -> Backlog:
        return Backlog(self.waits.get(workflow, 0), self.drained_per_second)

    @property
    def connected(self) -> bool:
        return not self.away

    @property
    def has_consumers(self) -> bool:
        return not self.away

    def _answer(self) -> None:
        if self.away:
            raise BrokerUnavailable("The broker is not connected.")
