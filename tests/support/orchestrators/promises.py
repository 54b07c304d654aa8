"""A store and models that watch what is done to them: every broken promise of the state machine is written down.

What is promised about calls: an owner calls a step at most once under one claim (a call's own retries are part of
it), and only a step that its last accepted write recorded as running. So the owner of a submission never calls a
settled step; an owner that lost it, or saw it end, makes at most the calls that were under way or announced by then,
and begins nothing new.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

from contracts.errors import LeaseLost, ModelCrashed, ModelNotLoaded, ModelRefused, ModelTimeout, ModelUnavailable
from contracts.submissions.documents import ModelRef, Submission
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.definition import Workflow
from orchestrator import ports
from orchestrator.planning.gates import evaluate_gate
from tests.support.fakes import FakeClock, MemoryStore
from tests.support.orchestrators.stage import Actor, current, here

FENCED = {SubmissionState.RUNNING, SubmissionState.CANCELED}
"""States that raise the fence on entry: the owner before may write nothing more."""

Outputs = dict[str, dict[str, Any]]
"""By name, what the steps that succeeded answered."""

PNG = b"\x89PNG\r\n\x1a\n"
CLAIM, PUBLISHED_EVENTS, CALLED, CALLING = "claim", "announced", "called", "calling"


class WatchedStore(MemoryStore):
    """The store in memory, and a look at each write. The next ``away_for`` calls find it away."""

    def __init__(self, clock: FakeClock, broken: list[str]) -> None:
        super().__init__(clock)
        self.broken = broken
        self.away_for = 0

    def _answer(self) -> None:
        self.away, self.away_for = self.away_for > 0, max(0, self.away_for - 1)
        super()._answer()

    def holds(self, claim: ports.Claim) -> bool:
        document = self.documents[claim.submission_id]
        return bool(document["state"] == SubmissionState.RUNNING and document["fence"] == claim.fence)

    def claim(
        self, submission: Submission, owner: str, lease_seconds: float, progress: ports.Progress
    ) -> ports.Claim | None:
        claim = super().claim(submission, owner, lease_seconds, progress)
        if claim is not None:
            here().notes |= {CLAIM: claim, PUBLISHED_EVENTS: _running(self.documents[submission.id]), CALLED: set()}
        return claim

    def _write(self, claim: ports.Claim, changes: dict[str, Any], unset: tuple[str, ...] = ()) -> None:
        before = copy.deepcopy(self.documents.get(claim.submission_id))
        held = self.holds(claim)
        try:
            super()._write(claim, changes, unset)
        except LeaseLost:
            assert not held
        if not held:
            if self.documents.get(claim.submission_id) != before:
                self.broken.append(f"the old fence {claim.fence} wrote {sorted(changes)}")
            raise LeaseLost("another owner")
        actor = current()
        if actor is not None and "steps" in changes and actor.root.notes.get(CLAIM) == claim:
            document = self.documents[claim.submission_id]
            published_events = _running(document) if document["state"] == SubmissionState.RUNNING else set()
            actor.root.notes[PUBLISHED_EVENTS] = published_events
            actor.root.notes.pop(CALLING, None)

    def _update(self, submission: Any, changes: dict[str, Any], unset: tuple[str, ...] = ()) -> bool:
        before = copy.deepcopy(self.documents[submission.id])
        changed = super()._update(submission, changes, unset)
        current_one = (before["state"], before["fence"]) == (submission.state, submission.fence)
        if not current_one and self.documents[submission.id] != before:
            self.broken.append(f"a look at the old fence {submission.fence} wrote {sorted(changes)}")
        return changed

    def _apply(self, document: dict[str, Any], changes: dict[str, Any], unset: tuple[str, ...]) -> None:
        before = copy.deepcopy(document)
        super()._apply(document, changes, unset)
        self.broken.extend(broken_by(before, document))


def _running(document: dict[str, Any]) -> set[str]:
    return {step["name"] for step in document["steps"] if step["state"] == StepState.RUNNING}


def broken_by(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what one write did that none may do."""
    old, new = SubmissionState(before["state"]), SubmissionState(after["state"])
    broken = []
    again = old.retryable and new is SubmissionState.QUEUED and after["retries"] == before["retries"] + 1
    if old.terminal and not again:
        broken.append(f"{old} was written to")
    if after["retries"] != before["retries"] and not again:
        broken.append(f"a retry was counted as {old} became {new}")
    if new is not old and not old.may_become(new):
        broken.append(f"{old} became {new}")
    if not before["fence"] <= after["fence"] <= before["fence"] + 1:
        broken.append(f"the fence went from {before['fence']} to {after['fence']}")
    if new is not old and new in FENCED and after["fence"] == before["fence"]:
        broken.append(f"it became {new} and kept the fence")
    if again and after["fence"] == before["fence"]:
        broken.append("a retry kept the fence")
    for was, became in zip(before["steps"], after["steps"], strict=True):
        called_again = again and (was["state"], became["state"]) == (StepState.FAILED, StepState.PENDING)
        if StepState(was["state"]).settled and became != was and not called_again:
            broken.append(f"the settled step {was['name']} changed")
        if any(became["faults"].get(code, 0) < count for code, count in was["faults"].items()) and not again:
            broken.append(f"faults of {was['name']} were forgotten")
        if became["tries"] < was["tries"]:
            broken.append(f"tries of {was['name']} were forgotten")
    return broken


def broken_in(document: dict[str, Any], workflow: Workflow, images: dict[str, bytes]) -> list[str]:
    """Return what is wrong with a stored submission, looked at by itself."""
    state = SubmissionState(document["state"])
    broken = []
    if state.terminal == ("due_at" in document):
        broken.append(f"{state} with due_at {document.get('due_at')}")
    if (state is SubmissionState.RUNNING) != ("lease" in document):
        broken.append(f"{state} with lease {document.get('lease')}")
    if (state is SubmissionState.SUCCEEDED) != (document.get("result") is not None):
        broken.append(f"{state} with result {document.get('result')}")
    if state in {SubmissionState.FAILED, SubmissionState.CANCELED} and not document.get("reason"):
        broken.append(f"it is {state} without a reason")
    if state is SubmissionState.CANCELED and _running(document):
        broken.append(f"it is canceled and {_running(document)} run")
    if state.terminal != ("ended_at" in document):
        broken.append(f"{state} with ended_at {document.get('ended_at')}")
    done = {step["name"]: step["output"] for step in document["steps"] if step["state"] == StepState.SUCCEEDED}
    return broken + _broken_artifacts(document, done, images) + _broken_steps(document, done, workflow)


def _broken_artifacts(document: dict[str, Any], done: Outputs, images: dict[str, bytes]) -> list[str]:
    broken = []
    for name, output in done.items():
        if "mask" in output:
            artifact = output["mask"]["artifact"]
            if images.get(f"{document['_id']}/{artifact}") != picture_of(output["number"]):
                broken.append(f"{artifact} is not the picture that {name} answered")
            if [each["name"] for each in document["artifacts"]].count(artifact) != 1:
                broken.append(f"{artifact} is not listed once")
    return broken


def _broken_steps(document: dict[str, Any], done: Outputs, workflow: Workflow) -> list[str]:
    broken = []
    for spec in workflow.steps:
        step = next(step for step in document["steps"] if step["name"] == spec.name)
        if spec.when and StepState(step["state"]) in {StepState.SUCCEEDED, StepState.SKIPPED}:
            gate = evaluate_gate(spec.when, {name: done.get(name) for name in spec.when.names})
            if bool(gate.value) != (spec.name in done):
                broken.append(f"{spec.name} is {step['state']}, and its gate is {gate.value}")
    if document["state"] == SubmissionState.SUCCEEDED:
        expected = {f"{name}_number": output["number"] for name, output in done.items()}
        settled = all(StepState(step["state"]).settled for step in document["steps"])
        if not settled or document["result"] != expected:
            broken.append(f"the result is {document['result']}, the steps say {expected}")
    return broken


class WatchedModels:
    """Models named after their steps; an image holds its submission's id. Each answer is another one: a model that
    computes in batches answers the same image with other last digits the next time.

    ``mood`` is what the next call meets.
    """

    def __init__(self, store: WatchedStore, clock: FakeClock) -> None:
        self.mood = "yes"
        self.answers = 0
        self.pictured: set[str] = set()
        self._store, self._clock = store, clock

    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        self._watch(here(), image.data.decode(), model.name)
        self.answers += 1
        match self.mood:
            case "unavailable":
                raise ModelUnavailable("away")
            case "not loaded":
                raise ModelNotLoaded("not here")
            case "crashes":
                raise ModelCrashed("died")
            case "hangs":
                self._clock.advance(timeout_seconds)
                raise ModelTimeout("slow")
            case "refuses":
                raise ModelRefused("no image")
            case "babbles":
                return [self.answers], "http://model.test"
        answer: dict[str, object] = {"go": self.mood == "yes", "number": self.answers}
        if model.name in self.pictured:
            answer["mask"] = {"media_type": "image/png", "data": base64.b64encode(picture_of(self.answers)).decode()}
        return answer, "http://model.test"

    def _watch(self, actor: Actor, submission_id: str, step: str) -> None:
        if actor.notes.get(CALLING) == (submission_id, step):
            return  # a call's own retry
        actor.notes[CALLING] = (submission_id, step)
        notes, document = actor.root.notes, self._store.documents[submission_id]
        claim = notes[CLAIM]
        where = f"{step} under fence {claim.fence}"
        if step in notes[CALLED]:
            self._store.broken.append(f"{where} was called twice")
        notes[CALLED].add(step)
        if self._store.holds(claim):
            allowed = _running(document)
        else:
            allowed = notes[PUBLISHED_EVENTS] if actor is actor.root else actor.notes[PUBLISHED_EVENTS]
        if step not in allowed:
            self._store.broken.append(f"{where} was called when {document['state']}, with {sorted(allowed)} to call")


def picture_of(number: int) -> bytes:
    return PNG + str(number).encode()
