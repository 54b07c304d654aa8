"""The stores in memory and the real ones behave alike: claims, fences, leases, due submissions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.errors import InvalidDocument, LeaseLost, StoreUnavailable, UnknownSchema
from contracts.models.status import ServedModel
from contracts.submissions.documents import EVENTS_KEPT, SCHEMA, Artifact, ModelRef, Submission
from contracts.submissions.events import numbered, submission_event
from contracts.submissions.states import ServedState, StepState, SubmissionState
from gateway.adapters.mongo import submissions as gateway_submissions
from gateway.adapters.mongo.model_status import MongoModelStatus
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from orchestrator.adapters.mongo.model_status import MongoServedModels
from orchestrator.ports import Claim, Progress
from runtime.mongo import Database, connect
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.support.fake_catalogue import MemoryModelStatus
from tests.support.fakes import MemoryStore
from tests.support.local_cluster import free_ports
from tests.support.present import present


class Stores:
    """The stores of both processes and of the operator's commands, over the same documents."""

    def __init__(
        self,
        front: MemoryStore | gateway_submissions.MongoSubmissions,
        back: MemoryStore | orchestrator_submissions.MongoSubmissions,
        served: MemoryModelStatus | MongoServedModels,
        status: MemoryModelStatus | MongoModelStatus,
    ) -> None:
        self.front, self.back, self.served, self.status = front, back, served, status
        back.prepare()
        front.ping()

    def accepted(self, **changes: Any) -> Submission:
        now = self.front.now()
        values = {"created_at": now, "due_at": now - timedelta(seconds=1)} | changes
        submission = make_submission(make_workflow(GATED), **values)
        self.front.accept(submission, b"image bytes")
        return submission

    def claimed(self, lease_seconds: float = 60.0, **changes: Any) -> tuple[Submission, Claim]:
        submission = self.accepted(**changes)
        claim = self.back.claim(submission, "owner", lease_seconds, Progress(submission.steps))
        assert claim is not None
        return submission, claim

    def change(self, submission: Submission, **changes: Any) -> None:
        """Write what a newer release, or no release, would."""
        if isinstance(self.back, MemoryStore):
            self.back.documents[submission.id] |= changes
        else:
            self.back._submissions.update_one({"_id": submission.id}, {"$set": changes})

    def due_at(self, submission: Submission) -> datetime:
        if isinstance(self.back, MemoryStore):
            document: dict[str, Any] | None = self.back.documents[submission.id]
        else:
            document = self.back._submissions.find_one({"_id": submission.id})
        due_at: datetime = present(document)["due_at"]
        return due_at

    def read(self, submission: Submission) -> Submission:
        return present(self.back.read(submission.id))

    def fetch(self, submission: Submission) -> Submission:
        return present(self.front.fetch(submission.id))

    def image(self, submission: Submission, name: str) -> bytes:
        return present(self.front.image(submission.id, name)).data


@pytest.fixture(params=["memory", "mongo"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        store = MemoryStore()
        status = MemoryModelStatus(store)
        return Stores(store, store, status, status)
    client, name = request.getfixturevalue("database")
    opened = Database(client, name)
    return Stores(
        gateway_submissions.MongoSubmissions(opened),
        orchestrator_submissions.MongoSubmissions(opened),
        MongoServedModels(opened),
        MongoModelStatus(opened),
    )


def test_a_served_models_known_state_outlives_untried_reports(stores: Stores) -> None:
    pin = ModelRef(name="classifier", version="1.2.0")
    assert stores.status.served([pin]) == []
    now = stores.served.now()

    def reported(state: ServedState, seconds: float) -> ServedState:
        at = now + timedelta(seconds=seconds)
        stores.served.report([ServedModel(pin, "http://server:8080", state, at)])
        (found,) = stores.status.served([pin, ModelRef(name="other", version="1")])
        assert (found.model, found.address, found.seen_at) == (pin, "http://server:8080", at)
        return found.state

    assert reported(ServedState.UNTRIED, 0) is ServedState.UNTRIED
    assert reported(ServedState.FAILING, 1) is ServedState.FAILING
    assert reported(ServedState.UNTRIED, 2) is ServedState.FAILING, "a report without a call changes no known state"
    assert reported(ServedState.ANSWERING, 3) is ServedState.ANSWERING


def test_an_accepted_submission_is_read_back_whole(stores: Stores) -> None:
    submission = stores.accepted(metadata={"$where": "a.b"})
    dated = {"created_at", "due_at"}
    assert stores.read(submission).model_dump(exclude=dated) == submission.model_dump(exclude=dated)
    assert stores.fetch(submission).state is SubmissionState.QUEUED
    assert present(stores.back.image(submission.id, "input")).data == b"image bytes"
    assert stores.front.image(submission.id, "nothing") is None
    assert stores.front.fetch("nothing") is None


def test_a_claim_starts_the_submission_under_a_lease(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stored = stores.read(submission)
    assert (stored.state, stored.fence, claim.fence) == (SubmissionState.RUNNING, 1, 1)
    lease = present(stored.lease)
    assert lease.owner == "owner"
    assert stored.due_at == lease.until
    assert stored.started_at is not None


def test_of_many_claims_one_wins(stores: Stores) -> None:
    submission = stores.accepted()
    with ThreadPoolExecutor(8) as pool:
        claims = list(
            pool.map(lambda n: stores.back.claim(submission, f"owner-{n}", 60, Progress(submission.steps)), range(16))
        )
    assert len([claim for claim in claims if claim]) == 1


def test_a_finished_submission_has_its_result_and_is_never_due(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stores.back.succeed(claim, Progress(submission.steps), {"label": "$NOW", "a": [1, {"b": None}]})
    stored = stores.fetch(submission)
    assert stored.result == {"label": "$NOW", "a": [1, {"b": None}]}
    assert (stored.state, stored.lease, stored.due_at) == (SubmissionState.SUCCEEDED, None, None)
    assert present(stored.ended_at) >= present(stored.started_at)
    assert stores.back.due(10) == []


def test_a_failed_submission_has_its_reason(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stores.back.fail(claim, Progress(submission.steps), "$because")
    assert stores.fetch(submission).reason == "$because"


def test_an_old_fence_writes_nothing(stores: Stores) -> None:
    submission, claim = stores.claimed(lease_seconds=0.0)
    _wait_until_due(stores)
    (due,) = stores.back.due(10)
    assert stores.back.take_back(due, 30)
    writes: list[Callable[[], None]] = [
        lambda: stores.back.checkpoint(claim, Progress(submission.steps)),
        lambda: stores.back.succeed(claim, Progress(submission.steps), {}),
        lambda: stores.back.fail(claim, Progress(submission.steps), "x"),
        lambda: stores.back.defer(claim, Progress(submission.steps), "x", 1),
        lambda: stores.back.renew(claim, 10),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert stores.read(submission).state is SubmissionState.QUEUED


def test_a_finished_submission_cannot_be_written_again(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stores.back.succeed(claim, Progress(submission.steps), {"x": 1})
    with pytest.raises(LeaseLost):
        stores.back.fail(claim, Progress(submission.steps), "late")
    assert stores.fetch(submission).result == {"x": 1}


def test_a_checkpoint_keeps_steps_and_artifacts(stores: Stores) -> None:
    submission, claim = stores.claimed()
    step = submission.steps[0]
    step.state, step.output = StepState.SUCCEEDED, {"label": "$x.y", "mask": {"artifact": "mask.png"}}
    artifact = Artifact(name="mask.png", media_type="image/png", bytes=3)
    for _ in range(2):  # an owner that goes on after a crash saves the same artifact again
        stores.back.save_artifact(claim, submission, artifact, b"png")
    stores.back.checkpoint(claim, Progress(submission.steps, [artifact]))
    stored = stores.read(submission)
    assert stored.step("classification").output == step.output
    assert stored.artifacts == [artifact]
    assert stores.image(submission, "mask.png") == b"png"


def test_a_later_owners_artifact_is_not_replaced(stores: Stores) -> None:
    submission, first = stores.claimed()
    stores.back.defer(first, Progress(submission.steps), "away", 0)
    stored = stores.read(submission)
    second = present(stores.back.claim(stored, "other", 60, Progress(stored.steps)))
    artifact = Artifact(name="mask.png", media_type="image/png", bytes=3)
    stores.back.save_artifact(first, submission, artifact, b"old")
    stores.back.save_artifact(second, stored, artifact, b"new")
    with pytest.raises(LeaseLost):
        stores.back.save_artifact(first, submission, artifact, b"late")
    assert stores.image(submission, "mask.png") == b"new"


def test_a_deferred_submission_is_queued_and_due_again(stores: Stores) -> None:
    submission, claim = stores.claimed()
    submission.steps[0].state = StepState.RUNNING
    stores.back.defer(claim, Progress(submission.steps), "away", 5)
    stored = stores.read(submission)
    assert (stored.state, stored.reason, stored.lease) == (SubmissionState.QUEUED, "away", None)
    assert stored.steps[0].state is StepState.PENDING
    assert present(stored.not_before) < present(stored.due_at)
    again = present(stores.back.claim(stored, "other", 10, Progress(stored.steps)))
    assert again.fence == 2
    assert stores.read(submission).reason is None


def test_a_renewed_lease_is_not_taken_back(stores: Stores) -> None:
    submission, claim = stores.claimed(lease_seconds=0.0)
    _wait_until_due(stores)
    (due,) = stores.back.due(10)
    stores.back.renew(claim, 60)
    assert stores.back.take_back(due, 30) is False
    assert stores.back.fail_as_poison(due, "poison") is False
    assert stores.read(submission).state is SubmissionState.RUNNING


def test_lost_leases_are_counted(stores: Stores) -> None:
    submission, _ = stores.claimed(lease_seconds=0.0)
    _wait_until_due(stores)
    (due,) = stores.back.due(10)
    stores.back.take_back(due, -1)
    stored = stores.read(submission)
    assert (stored.lost_leases, stored.fence) == (1, 2)
    stores.back.claim(stored, "other", 0.0, Progress(stored.steps))
    _wait_until_due(stores)
    (due,) = stores.back.due(10)
    assert stores.back.fail_as_poison(due, "poison")
    assert stores.fetch(submission).state is SubmissionState.FAILED


def test_a_published_submission_is_due_later(stores: Stores) -> None:
    first, second = stores.accepted(), stores.accepted()
    stores.front.mark_published([first.id])
    assert [submission.id for submission in stores.back.due(10)] == [second.id]
    stores.back.mark_republished(second, 30)
    assert stores.back.due(10) == []
    assert stores.read(second).published_at is not None


def test_a_late_mark_published_does_not_change_a_claimed_submission(stores: Stores) -> None:
    submission, _ = stores.claimed()
    before = stores.read(submission).due_at
    stores.front.mark_published([submission.id])
    assert stores.read(submission).due_at == before


def test_a_postponed_submission_is_due_later(stores: Stores) -> None:
    submission = stores.accepted()
    stores.back.postpone(submission, 60)
    assert stores.back.due(10) == []


def test_a_backlog_is_swept_in_batches_and_completely(stores: Stores) -> None:
    now = stores.front.now()
    backlog = {stores.accepted(due_at=now - timedelta(seconds=seconds)).id for seconds in (1, 2, 2, 3, 60, 300, 9000)}
    swept = []
    while batch := stores.back.due(2):
        swept += [each.id for each in batch]
        stores.back.postpone_all(batch, 60)
    assert sorted(swept) == sorted(backlog)


def test_the_rest_of_a_backlog_is_found_again(stores: Stores) -> None:
    now = stores.front.now()
    backlog = {stores.accepted(due_at=now - timedelta(seconds=seconds)).id for seconds in (1, 20, 400)}
    stores.back.postpone_all(stores.back.due(2)[:1], 60)  # the other of the two was not processed
    found = [each.id for _ in range(4) for each in stores.back.due(2)]
    assert len(backlog & set(found)) == 2


def test_a_submission_that_has_changed_since_is_not_postponed(stores: Stores) -> None:
    claimed, later = stores.accepted(), stores.accepted()
    due = stores.back.due(10)
    stores.back.claim(claimed, "owner", 600, Progress(claimed.steps))
    stores.back.postpone(later, 700)
    before = [stores.due_at(each) for each in (claimed, later)]
    stores.back.postpone_all(due, 30)
    assert [stores.due_at(each) for each in (claimed, later)] == before


def test_the_due_submissions_are_bounded(stores: Stores) -> None:
    for _ in range(5):
        stores.accepted()
    assert len(stores.back.due(3)) == 3


def test_a_newer_releases_submission_is_left_alone(stores: Stores) -> None:
    submission = stores.accepted(schema_version=SCHEMA + 1)
    with pytest.raises(UnknownSchema):
        stores.read(submission)
    before = stores.due_at(submission)
    assert stores.back.due(10) == []
    assert stores.due_at(submission) == before


def test_newer_releases_submissions_do_not_crowd_out_the_others(stores: Stores) -> None:
    now = stores.front.now()
    for _ in range(3):
        stores.accepted(schema_version=SCHEMA + 1, due_at=now - timedelta(seconds=9))
    ours = stores.accepted()
    assert stores.back.due(3) == []
    assert [each.id for each in stores.back.due(3)] == [ours.id]


def test_an_unreadable_submission_does_not_stop_the_others(stores: Stores) -> None:
    broken, ours = stores.accepted(), stores.accepted()
    stores.change(broken, state="odd")
    assert [each.id for each in stores.back.due(10)] == [ours.id]
    assert stores.due_at(broken) > stores.front.now() + timedelta(minutes=50)
    with pytest.raises(InvalidDocument):
        stores.back.read(broken.id)


@pytest.mark.parametrize(
    "store_of",
    [
        gateway_submissions.MongoSubmissions,
        orchestrator_submissions.MongoSubmissions,
    ],
)
def test_a_database_that_is_down_is_reported_in_time(
    store_of: type[gateway_submissions.MongoSubmissions | orchestrator_submissions.MongoSubmissions],
) -> None:
    client = connect(f"mongodb://127.0.0.1:{free_ports(1)}", "tests", timeout_seconds=0.3)
    store = store_of(Database(client, "test"))
    with pytest.raises(StoreUnavailable):
        store.image("x", "input")
    client.close()


def _wait_until_due(stores: Stores) -> None:
    """A lease of zero seconds has expired as soon as the clock has moved on."""
    if isinstance(stores.back, MemoryStore):
        stores.back.clock.advance(0.001)
        return
    begun = stores.back._database.measure_time()
    while stores.back._database.measure_time() <= begun:
        pass


def test_events_are_appended_counted_and_bounded(stores: Stores) -> None:
    submission, claim = stores.claimed()
    event_count = [submission_event(SubmissionState.RUNNING, NOW, f"${number}") for number in range(EVENTS_KEPT)]
    stores.back.checkpoint(claim, Progress(submission.steps, [], event_count[:3]))
    assert [event.reason for event in stores.read(submission).events] == ["$0", "$1", "$2"]
    stores.back.checkpoint(claim, Progress(submission.steps, [], event_count))
    stores.back.checkpoint(claim, Progress(submission.steps))
    stored = stores.read(submission)
    assert stored.event_count == EVENTS_KEPT + 3
    assert stored.events == event_count
    assert numbered(stored)[0].number == 4


def test_an_expired_lease_leaves_an_event(stores: Stores) -> None:
    submission, _ = stores.claimed(lease_seconds=-1.0)
    (due,) = stores.back.due(10)
    stores.back.take_back(due, -1)
    stored = stores.read(submission)
    assert (stored.events[-1].type, stored.events[-1].reason) == ("submission.queued", stored.reason)
    stores.back.claim(stored, "other", -1.0, Progress(stored.steps))
    (due,) = stores.back.due(10)
    stores.back.fail_as_poison(due, "poison")
    stored = stores.read(submission)
    assert (stored.events[-1].type, stored.event_count) == ("submission.failed", 2)
