"""The engine drives a submission from its last checkpoint to its end, whatever happens on the way."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import (
    LeaseLost,
    ModelCrashed,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    ModelUnreachable,
    StoreUnavailable,
    UnknownSchema,
)
from contracts.messaging.jobs import Job
from contracts.submissions.documents import SCHEMA, Submission
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.catalogue import Catalogue, WorkflowText
from contracts.workflows.definition import Workflow
from contracts.workflows.registry import Actor
from orchestrator.execution.engine import UNKNOWN_WORKFLOW_DELAY_SECONDS, Done, Engine, HeldClaims, PublishLater
from orchestrator.execution.leases import LeaseKeeper
from orchestrator.execution.model_calls import Caller
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.planning.retries import Policy
from orchestrator.ports import Claim, Progress
from runtime.registry import WorkflowRegistry
from tests.support.factories import GATED, NOW, ONE_STEP, make_submission, make_workflow, png
from tests.support.fake_catalogue import MemoryRegistryStore
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fakes import FakeClock, FakeEventPublisher, FakeModels, MemoryStore
from tests.support.patience import PATIENCE

ABNORMAL = {"label": "abnormality", "score": 0.9}
PICTURE = png()
MASK = {"mask": {"media_type": "image/png", "data": base64.b64encode(PICTURE).decode()}, "area": 0.1}
PARALLEL = """
workflow: parallel
version: v1.0.0
input: {kind: image}
steps:
  left: {model: left@1.0}
  right: {model: right@1.0}
  last: {model: last@1.0, when: left.mask.artifact != right.mask.artifact}
output: {left: left.mask, right: right.mask}
"""


class World:
    """A store with one submission, models, and an engine over them."""

    def __init__(self, text: str, answers: dict[str, Any]) -> None:
        self.workflow = make_workflow(text)
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.models = FakeModels(answers)
        self.held = HeldClaims()
        self.event_publisher = FakeEventPublisher()
        self.submission = make_submission(self.workflow)
        self.store.accept(self.submission, b"img")
        self.threads = ThreadPoolExecutor(4)
        self.engine = self.new_engine("first")

    def new_engine(
        self, owner: str, workflows: list[Workflow] | None = None, registry: WorkflowRegistry | None = None
    ) -> Engine:
        return Engine(
            store=self.store,
            caller=Caller(self.models, self.clock, Policy(), uniform=lambda: 0.5),
            workflows=registry or Catalogue(workflows or [self.workflow]),
            clock=self.clock,
            owner=owner,
            lease_seconds=10,
            held=self.held,
            step_threads=self.threads,
            event_publisher=self.event_publisher,
        )

    def process(self, engine: Engine | None = None) -> Done | PublishLater:
        return (engine or self.engine).process(Job(self.submission.id, self.workflow.name, "v1.0.0"))

    def process_to_the_end(self) -> None:
        for _ in range(20):
            if self.stored.state.terminal:
                return
            self.process()
            self.clock.advance(60)
        raise AssertionError(f"it is {self.stored.state}")

    @property
    def stored(self) -> Submission:
        submission = self.store.read(self.submission.id)
        assert submission is not None
        return submission

    def stored_image(self, name: str) -> bytes:
        image = self.store.image(self.submission.id, name)
        assert image is not None
        return image.data


MakeWorld = Callable[[str, dict[str, Any]], World]


@pytest.fixture
def world() -> Iterator[MakeWorld]:
    made: list[World] = []

    def make(text: str, answers: dict[str, Any]) -> World:
        made.append(World(text, answers))
        return made[-1]

    yield make
    for each in made:
        each.threads.shutdown()


def test_a_newer_releases_submission_is_not_touched(world: MakeWorld) -> None:
    made = world(ONE_STEP, {})
    before = made.store.documents[made.submission.id]
    before["schema"] = SCHEMA + 1
    kept = dict(before)
    with pytest.raises(UnknownSchema):
        made.process()
    assert made.store.documents[made.submission.id] == kept


def test_one_step_succeeds_with_two_writes(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": {"digit": 7, "score": 0.9}})
    assert here.process() == Done()
    stored = here.stored
    assert stored.state is SubmissionState.SUCCEEDED
    assert stored.result == {"digit": 7, "score": 0.9}
    assert stored.steps[0].attempts[0].server == "http://model.test"
    assert (stored.lease, stored.due_at) == (None, None)
    assert here.store.writes == 2  # the claim and the end: the step's checkpoint is the end's write
    assert here.held.all() == []


def test_an_open_gate_stores_the_picture_as_an_artifact(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})
    here.process()
    stored = here.stored
    assert stored.result == {"label": "abnormality", "image": {"artifact": "mask.png"}}
    assert here.stored_image("mask.png") == PICTURE
    assert [artifact.name for artifact in stored.artifacts] == ["mask.png"]
    gate = stored.step("segmentation").gate
    assert gate is not None
    assert gate.value is True
    assert here.store.writes == 3


def test_a_closed_gate_makes_no_call_and_says_why(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": {"label": "no_abnormality", "score": 0.9}})
    here.process()
    assert here.models.calls == ["classifier"]
    assert here.stored.step("segmentation").state is StepState.SKIPPED
    gate = here.stored.step("segmentation").gate
    assert gate is not None
    assert gate.inputs == {"classification": {"label": "no_abnormality"}}


def test_independent_steps_with_one_field_name_keep_both_pictures(world: MakeWorld) -> None:
    here = world(PARALLEL, {"left": MASK, "right": MASK, "last": {"x": 1}})
    here.process()
    names = {artifact.name for artifact in here.stored.artifacts}
    assert len(names) == 2
    assert {value["artifact"] for value in (here.stored.result or {}).values()} == names


def test_the_later_step_in_the_file_carries_its_name_whichever_ends_first(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slow in ("left", "right"):
        ended = threading.Event()

        def wait_for_the_other(_number: int, ended: threading.Event = ended) -> object:
            assert ended.wait(PATIENCE)
            return MASK

        here = world(PARALLEL, {"left": MASK, "right": MASK, "last": {"x": 1}, slow: wait_for_the_other})
        save = here.store.save_artifact

        def tell(*arguments: Any, ended: threading.Event = ended, save: Callable[..., None] = save) -> None:
            save(*arguments)
            ended.set()

        monkeypatch.setattr(here.store, "save_artifact", tell)
        here.process()
        assert here.stored.result == {"left": {"artifact": "mask.png"}, "right": {"artifact": "right.mask.png"}}


def test_a_refusal_fails_it_with_the_models_sentence(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelRefused("The image is damaged.")})
    here.process()
    assert here.stored.state is SubmissionState.FAILED
    assert here.stored.reason == "The step recognition failed: The image is damaged."
    assert here.stored.steps[0].state is StepState.FAILED


def test_a_short_outage_is_bridged_in_the_thread(world: MakeWorld) -> None:
    here = world(
        ONE_STEP, {"digit_recognizer": lambda n: ModelUnavailable("away") if n < 3 else {"digit": 1, "score": 1}}
    )
    here.process()
    stored = here.stored
    assert stored.state is SubmissionState.SUCCEEDED
    assert [attempt.error for attempt in stored.steps[0].attempts] == ["away", "away", None]


def test_a_long_outage_defers_it_with_the_reason_and_the_next_time(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelUnavailable("its server cannot be reached.")})
    outcome = here.process()
    stored = here.stored
    assert isinstance(outcome, PublishLater)
    assert stored.state is SubmissionState.QUEUED
    assert stored.reason == "Waiting for the model digit_recognizer@1.0.0: its server cannot be reached."
    assert stored.not_before is not None
    assert stored.not_before > here.clock.now()
    assert stored.steps[0].state is StepState.PENDING
    assert stored.lease is None


def test_after_an_outage_it_goes_on_from_the_checkpoint(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": ModelUnavailable("away")})
    outcome = here.process()
    assert isinstance(outcome, PublishLater)
    here.models.answers["segmenter"] = MASK
    here.clock.advance(outcome.seconds)
    here.process()
    assert here.stored.state is SubmissionState.SUCCEEDED
    assert here.models.calls.count("classifier") == 1


def test_a_model_that_is_away_is_not_asked_for_every_submission(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelUnreachable("away")})
    here.process()
    asked = len(here.models.calls)
    outcome = here.process()  # its message came early; any other submission of this model fares the same
    assert isinstance(outcome, PublishLater)
    assert len(here.models.calls) == asked
    assert "it is not called for a while" in str(here.stored.reason)


def test_a_message_for_what_is_done_running_or_gone_changes_nothing(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": {"digit": 7, "score": 0.9}})
    here.process()
    writes = here.store.writes
    assert here.process() == Done()
    here.store.documents[here.submission.id]["state"] = SubmissionState.RUNNING
    assert here.process() == Done()
    here.store.documents.clear()
    assert here.process() == Done()
    assert (here.store.writes, here.models.calls) == (writes, ["digit_recognizer"])


def test_an_owner_that_lost_its_lease_writes_nothing(world: MakeWorld) -> None:
    here = world(ONE_STEP, {})

    def taken_over(_number: int) -> object:
        here.store.documents[here.submission.id]["fence"] += 1
        return {"digit": 1, "score": 1.0}

    here.models.answers["digit_recognizer"] = taken_over
    assert here.process() == Done()
    assert here.stored.state is SubmissionState.RUNNING
    assert here.stored.result is None
    assert here.held.all() == []


def test_an_owner_that_lost_its_lease_replaces_no_picture(world: MakeWorld) -> None:
    """A model that computes in batches may answer the same image a little differently the next time."""
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})
    late = MASK | {"mask": {"media_type": "image/png", "data": base64.b64encode(png(9, 9)).decode()}}

    def answer_when_another_one_has_finished(number: int) -> object:
        if number > 1:
            return MASK
        here.clock.advance(11)
        (due,) = here.store.due(10)
        assert here.store.take_back(due, 30)
        here.process(here.new_engine("second"))
        return late

    here.models.answers["segmenter"] = answer_when_another_one_has_finished
    assert here.process() == Done()
    assert here.stored.state is SubmissionState.SUCCEEDED
    assert here.stored_image("mask.png") == PICTURE


def cancel(here: World) -> None:
    """As the gateway does, while an orchestrator is at work."""
    assert MemoryLifecycleStore(here.store).cancel(here.stored, "canceled", here.clock.now())


@pytest.mark.parametrize(
    "answer",
    [
        {"digit": 1, "score": 1.0},
        ModelUnavailable("away"),  # would be retried in the thread, then deferred
        ModelTimeout("slow"),
        ModelRefused("no image"),  # would fail it
    ],
    ids=["answers", "away", "slow", "refuses"],
)
def test_one_that_is_canceled_in_a_step_stays_canceled_and_holds_its_thread_no_longer(
    world: MakeWorld, answer: object
) -> None:
    here = world(ONE_STEP, {})
    canceled: list[Submission] = []

    def canceled_meanwhile(_number: int) -> object:
        cancel(here)
        canceled.append(here.stored)
        return answer

    here.models.answers["digit_recognizer"] = canceled_meanwhile
    assert here.process() == Done()  # no job is published: the message is acknowledged
    assert here.models.calls == ["digit_recognizer"]  # the step's call under way is the last one
    assert [here.stored] == canceled
    assert here.stored.state is SubmissionState.CANCELED
    assert here.held.all() == []
    assert here.store.due(10) == []


def test_one_that_is_canceled_as_a_step_begins_ends_with_that_call(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})
    save = here.store.checkpoint

    def checkpoint(claim: Claim, progress: Progress) -> None:
        save(claim, progress)
        cancel(here)

    monkeypatch.setattr(here.store, "checkpoint", checkpoint)
    assert here.process() == Done()
    assert here.stored.state is SubmissionState.CANCELED
    assert here.stored.step("classification").output == ABNORMAL
    assert here.store.images.keys() == {f"{here.submission.id}/input"}  # what nothing names is not left behind


def test_one_that_is_deleted_in_a_step_leaves_no_picture(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": ABNORMAL})

    def deleted_meanwhile(_number: int) -> object:
        here.store.documents.clear()
        here.store.images.clear()
        return MASK

    here.models.answers["segmenter"] = deleted_meanwhile
    assert here.process() == Done()
    assert here.store.images == {}


def test_a_store_that_is_away_for_a_renewal_ends_no_retry(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(ONE_STEP, {"digit_recognizer": lambda number: ModelUnavailable("x") if number < 3 else {"digit": 1}})

    def renew(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(here.store, "renew", renew)
    here.process()
    assert here.stored.step("recognition").tries == 3


def test_a_retried_one_has_all_its_tries_and_patience_again(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelCrashed("died")})
    here.process_to_the_end()
    assert here.stored.reason == "The step recognition failed after 5 tries: died"
    tries = here.stored.step("recognition").tries
    here.clock.advance(Policy().patience_seconds)
    assert MemoryLifecycleStore(here.store).retry(here.stored, 0, 5, here.clock.now())
    assert here.stored.step("recognition").tries == tries
    here.models.answers["digit_recognizer"] = lambda number: (
        ModelCrashed("died") if number < tries + 3 else {"digit": 1, "score": 1.0}
    )
    here.process_to_the_end()
    assert here.stored.state is SubmissionState.SUCCEEDED
    assert here.stored.step("recognition").tries == tries + 3


class BusyThreads(ThreadPoolExecutor):
    """One thread, which is busy with something else after the first call until it is let go."""

    def __init__(self) -> None:
        super().__init__(1)
        self.let_go = threading.Event()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future = super().submit(work, *arguments, **named)
        super().submit(self.let_go.wait, 5)
        return future


def test_a_call_that_waits_for_a_thread_is_not_made_for_an_owner_that_has_left(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(PARALLEL, {"left": {"x": 1}, "right": {"x": 1}})

    def lose(*_: object) -> None:
        raise LeaseLost("another owner")

    monkeypatch.setattr(here.store, "checkpoint", lose)
    with BusyThreads() as threads:
        here.engine._step_threads = threads
        assert here.process() == Done()
        threads.let_go.set()
    assert here.models.calls == ["left"]


def test_a_crash_between_steps_repeats_no_finished_step(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})

    def crash(_number: int) -> object:
        raise KeyboardInterrupt

    here.models.answers["segmenter"] = crash
    with pytest.raises(KeyboardInterrupt):
        here.process()
    here.clock.advance(11)
    (due,) = here.store.due(10)
    assert here.store.take_back(due, 30)
    here.models.answers["segmenter"] = MASK
    here.process(here.new_engine("second"))
    assert here.stored.state is SubmissionState.SUCCEEDED
    assert here.models.calls.count("classifier") == 1
    assert here.stored.fence == 3


def test_an_answer_that_is_nonsense_fails_it(world: MakeWorld) -> None:
    for nonsense in ([1, 2], {"digit": float("nan")}, {"mask": {"media_type": "text/html", "data": ""}}):
        here = world(ONE_STEP, {"digit_recognizer": nonsense})
        here.process()
        assert here.stored.state is SubmissionState.FAILED, nonsense


def test_an_unknown_or_changed_version_waits_for_a_newer_release(world: MakeWorld) -> None:
    here = world(ONE_STEP, {})
    changed = make_workflow(ONE_STEP + "# changed\n")
    assert isinstance(here.process(here.new_engine("old", [make_workflow(GATED)])), PublishLater)
    assert isinstance(here.process(here.new_engine("other", [changed])), PublishLater)
    assert here.stored.state is SubmissionState.QUEUED
    # Only the sweep is postponed: the delay queue delivers the job, and two publishers would add message after message.
    assert here.stored == here.submission.model_copy(update={"due_at": here.stored.due_at})
    assert here.stored.due_at is not None
    assert here.stored.due_at > here.clock.now() + timedelta(seconds=UNKNOWN_WORKFLOW_DELAY_SECONDS)


def test_an_accepted_draft_runs_the_text_that_it_was_accepted_with(world: MakeWorld) -> None:
    text = ONE_STEP.replace("v1.0.0", "v1.0.0-draft")
    here = world(text, {"digit_recognizer": {"digit": 7, "score": 0.9}})
    catalogue = Catalogue([make_workflow(GATED)])
    store = MemoryRegistryStore(here.store)
    registry = WorkflowRegistry(store, catalogue)
    for version in (text, text.replace("digit: recognition.digit", "digit: recognition.digit + 1")):
        registry.publish(WorkflowText(make_workflow(version), version), Actor("api", NOW))
    engine = here.new_engine("first", registry=registry)
    here.process(engine)  # its catalogue has not learnt of the workflow
    assert here.stored.result == {"digit": 7, "score": 0.9}

    registry.refresh()  # and after it has learnt of the text that replaced it
    again = make_submission(here.workflow)
    here.store.accept(again, b"img")
    assert engine.process(Job(again.id, again.workflow.name, again.workflow.version)) == Done()
    found = here.store.read(again.id)
    assert found is not None
    assert (found.state, found.result) == (SubmissionState.SUCCEEDED, {"digit": 7, "score": 0.9})


def test_while_the_registry_is_away_the_job_is_delivered_again(world: MakeWorld) -> None:
    here = world(ONE_STEP, {})
    away = MemoryStore(here.clock)
    away.away = True
    engine = here.new_engine(
        "first", registry=WorkflowRegistry(MemoryRegistryStore(away), Catalogue([make_workflow(GATED)]))
    )
    with pytest.raises(StoreUnavailable):
        here.process(engine)
    assert here.stored == here.submission


def test_an_image_that_is_gone_fails_it(world: MakeWorld) -> None:
    here = world(ONE_STEP, {})
    here.store.images.clear()
    here.process()
    assert here.stored.reason == "The image is no longer stored. Submit it again."


def test_a_store_that_stays_away_is_told(world: MakeWorld) -> None:
    here = world(ONE_STEP, {})
    here.store.away = True
    with pytest.raises(StoreUnavailable):
        here.process()


@pytest.mark.parametrize("model", [{"digit": 7, "score": 0.9}, ModelRefused("The image is damaged.")])
def test_a_store_that_goes_away_in_mid_run_costs_no_lease(
    world: MakeWorld, model: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often: an orchestrator that lives hands back what it could not write, with all that it knows."""
    here = world(ONE_STEP, {"digit_recognizer": model})
    keeper = LeaseKeeper(here.store, here.held, here.clock, 10)
    predict = here.models.predict

    def go_away(*arguments: Any) -> tuple[object, str]:
        here.store.away = True
        return predict(*arguments)

    monkeypatch.setattr(here.models, "predict", go_away)
    with pytest.raises(StoreUnavailable):
        here.process()
    keeper.once()
    assert here.held.unfinished()
    here.store.away = False
    keeper.once()
    assert here.held.unfinished() == here.held.all() == []
    assert (here.stored.state, here.stored.lost_leases) == (SubmissionState.QUEUED, 0)
    here.process()
    assert here.models.calls == ["digit_recognizer"]
    refused = "The step recognition failed: The image is damaged."
    assert here.stored.reason == (refused if isinstance(model, Exception) else None)
    assert here.stored.state.terminal


def test_what_was_left_and_taken_over_meanwhile_is_forgotten(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(ONE_STEP, {"digit_recognizer": {"digit": 7, "score": 0.9}})
    keeper = LeaseKeeper(here.store, here.held, here.clock, 10)
    succeed = here.store.succeed

    def succeed_silently(*arguments: Any) -> None:
        succeed(*arguments)
        raise StoreUnavailable("The answer was lost.")

    monkeypatch.setattr(here.store, "succeed", succeed_silently)
    with pytest.raises(StoreUnavailable):
        here.process()
    keeper.once()
    assert here.held.unfinished() == []
    assert here.stored.state is SubmissionState.SUCCEEDED


def test_a_step_handed_back_before_its_picture_is_stored_is_called_again(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})
    save = here.store.save_artifact

    def stop(*_: object) -> None:
        ((claim, run),) = here.held.all()
        here.store.defer(claim, run.progress(NOW, SubmissionState.QUEUED), "stopped", 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(here.store, "save_artifact", stop)
    with pytest.raises(KeyboardInterrupt):
        here.process()
    monkeypatch.setattr(here.store, "save_artifact", save)
    here.process(here.new_engine("second"))
    assert here.stored.result == {"label": "abnormality", "image": {"artifact": "mask.png"}}
    assert here.stored_image("mask.png") == PICTURE


def test_a_stopping_process_defers_at_once(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelUnavailable("away")})
    here.clock.stopped = True
    assert here.process() == PublishLater(0)
    assert len(here.models.calls) == 1


def published(here: World) -> list[tuple[int | None, list[str]]]:
    return [(change.first, [event.type for event in change.events]) for change in here.event_publisher.changes]


def test_every_move_is_told_once_after_it_is_written(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": ABNORMAL, "segmenter": MASK})
    here.process()
    assert published(here) == [
        (1, ["submission.running", "step.running"]),
        (3, ["step.succeeded", "step.running"]),
        (5, ["step.succeeded", "submission.succeeded"]),
    ]
    assert [event for change in here.event_publisher.changes for event in change.events] == here.stored.events
    assert here.stored.event_count == 6


def test_a_skipped_step_is_told_with_its_gate(world: MakeWorld) -> None:
    here = world(GATED, {"classifier": {"label": "no_abnormality"}})
    here.process()
    (skipped,) = [event for event in here.stored.events if event.type == "step.skipped"]
    assert skipped.gate is not None
    assert (skipped.step, skipped.gate.value) == ("segmentation", False)
    assert here.stored.events[-1].type == "submission.succeeded"


def test_a_later_owner_goes_on_counting(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": ModelUnavailable("away")})
    here.process()
    assert here.stored.events[-1].type == "submission.queued"
    assert here.stored.events[-1].reason == here.stored.reason
    here.models.answers = {"digit_recognizer": {"digit": 7, "score": 1.0}}
    before = here.stored.event_count
    here.event_publisher.changes.clear()
    here.process(here.new_engine("second"))
    assert published(here)[0][0] == before + 1
    assert here.stored.event_count == before + 4


def test_what_could_not_be_written_is_not_told(world: MakeWorld) -> None:
    here = world(ONE_STEP, {"digit_recognizer": lambda _: steal()})

    def steal() -> object:
        here.clock.advance(11)
        (due,) = here.store.due(10)
        here.store.take_back(due, 30)
        return {"digit": 7, "score": 1.0}

    here.process()
    assert published(here) == [(1, ["submission.running", "step.running"])]


def test_an_end_and_a_deferral_are_told_with_their_events(world: MakeWorld) -> None:
    for answer, last in [
        (ModelRefused("damaged"), "submission.failed"),
        (ModelUnavailable("away"), "submission.queued"),
    ]:
        here = world(ONE_STEP, {"digit_recognizer": answer})
        here.process()
        assert published(here)[-1][1][-1] == last
        assert here.event_publisher.changes[-1].state is here.stored.state
        assert [event for change in here.event_publisher.changes for event in change.events] == here.stored.events


@pytest.mark.parametrize("fault", [ModelRefused("damaged"), ModelUnavailable("away")])
def test_a_step_that_answers_beside_one_that_does_not_is_not_called_again(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    here = world(PARALLEL, {"left": fault, "last": {"x": 1}})
    settled = threading.Event()

    def answer_when_the_other_one_is_settled(_number: int) -> object:
        assert settled.wait(PATIENCE)
        return MASK

    here.models.answers["right"] = answer_when_the_other_one_is_settled
    settle = here.engine._settle

    def settle_and_tell(*arguments: Any) -> None:
        settle(*arguments)
        settled.set()

    monkeypatch.setattr(here.engine, "_settle", settle_and_tell)
    here.process()
    right = here.stored.step("right")
    assert (right.state, (right.output or {})["mask"]) == (StepState.SUCCEEDED, {"artifact": "right.mask.png"})
    assert here.stored_image("right.mask.png") == PICTURE


CHAIN = """
workflow: chain
version: v1.0.0
input: {kind: image}
steps:
  first: {model: first@1.0}
  second: {model: second@1.0, after: [first]}
  third: {model: third@1.0, after: [second]}
output: {image: third.mask}
"""


def test_a_picture_of_a_step_behind_all_others_needs_no_prefix(world: MakeWorld) -> None:
    """Through any number of steps: what has always ended when it is called cannot answer at the same time."""
    here = world(CHAIN, {"first": {"x": 1}, "second": {"x": 1}, "third": MASK})
    here.process()
    assert here.stored.result == {"image": {"artifact": "mask.png"}}


def test_whoever_counts_them_hears_of_each_end_and_of_no_deferral(world: MakeWorld) -> None:
    for answer, ends in [({"digit": 1, "score": 1.0}, 1), (ModelRefused("damaged"), 1), (ModelUnavailable("away"), 0)]:
        here = world(ONE_STEP, {"digit_recognizer": answer})
        ended: list[Submission] = []
        here.engine._ended = ended.append
        here.process()
        assert [each.id for each in ended] == [here.submission.id] * ends


def test_a_lease_is_renewed_a_few_times_before_it_ends(world: MakeWorld) -> None:
    """One renewal that fails, or comes late, costs no lease."""
    here = world(ONE_STEP, {})
    claim = here.store.claim(here.submission, "owner", 10, Progress(here.submission.steps))
    assert claim is not None
    here.held.add(claim, WorkflowRun(here.stored, here.workflow))
    keeper = LeaseKeeper(here.store, here.held, here.clock, 10)
    left: list[float] = []

    def sleep(seconds: float) -> bool:
        here.clock.advance(seconds)
        lease = here.stored.lease
        assert lease is not None
        left.append((lease.until - here.clock.now()).total_seconds())
        return len(left) < 5

    here.clock.sleep = sleep  # type: ignore[method-assign]
    keeper.run()
    assert len(left) == 5
    assert min(left) > 10 / 2
