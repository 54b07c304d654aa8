"""The lifecycle's and the idempotency keys' stores in memory and the real ones behave alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import IllegalMove, LeaseLost, StoreUnavailable
from contracts.submissions.documents import Artifact, Submission, Webhook
from contracts.submissions.events import numbered
from contracts.submissions.states import StepState, SubmissionState
from contracts.submissions.tombstones import GoneReason
from gateway.adapters.mongo import submissions as gateway_submissions
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.tombstones import MongoTombstones
from gateway.submissions.ports import Deletion, IdempotencyStore, LifecycleStore, RequestKey, Tombstones
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from orchestrator.ports import Claim, Progress
from runtime.mongo import Database, connect
from tests.support.factories import GATED, make_submission, make_workflow
from tests.support.fake_data import MemoryTombstones
from tests.support.fake_lifecycle import MemoryIdempotencyStore, MemoryLifecycleStore
from tests.support.fakes import MemoryStore
from tests.support.local_cluster import free_ports
from tests.support.present import present

MASK = Artifact(name="mask.png", media_type="image/png", bytes=3)
REASON = "$canceled"


class Stores:
    def __init__(
        self,
        front: MemoryStore | gateway_submissions.MongoSubmissions,
        back: MemoryStore | orchestrator_submissions.MongoSubmissions,
        lifecycle: LifecycleStore,
        keys: IdempotencyStore,
        tombstones: Tombstones,
    ) -> None:
        self.front, self.back, self.lifecycle, self.keys, self.tombstones = front, back, lifecycle, keys, tombstones
        front.ping()

    def accepted(self, **changes: Any) -> Submission:
        now = self.front.now()
        submission = make_submission(make_workflow(GATED), created_at=now, due_at=now, **changes)
        self.front.accept(submission, b"image bytes")
        return submission

    def claimed(self, **changes: Any) -> tuple[Submission, Claim]:
        """The first step succeeded and the second one runs."""
        submission = self.accepted(**changes)
        first, second = submission.steps
        first.state, first.output, first.tries = StepState.SUCCEEDED, {"label": "$NOW"}, 1
        second.state, second.tries, second.faults = StepState.RUNNING, 4, {"model-crashed": 4}
        claim = present(self.back.claim(submission, "owner", 60, Progress(submission.steps)))
        return self.read(submission), claim

    def ended(self, state: SubmissionState, **changes: Any) -> Submission:
        submission, claim = self.claimed(**changes)
        progress = Progress(submission.steps)
        if state is SubmissionState.SUCCEEDED:
            self.back.succeed(claim, progress, {"x": 1})
        elif state is SubmissionState.FAILED:
            submission.steps[1].state = StepState.FAILED
            self.back.fail(claim, progress, "away")
        else:
            assert self.lifecycle.cancel(submission, REASON, self.front.now())
        return self.read(submission)

    def read(self, submission: Submission) -> Submission:
        return present(self.back.read(submission.id))

    def webhook(self, submission: Submission) -> Webhook:
        return present(self.read(submission).webhook)


@pytest.fixture(params=["memory", "mongo"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        store = MemoryStore()
        tombstones = MemoryTombstones(store)
        return Stores(store, store, MemoryLifecycleStore(store, tombstones), MemoryIdempotencyStore(store), tombstones)
    client, name = request.getfixturevalue("database")
    return Stores(
        gateway_submissions.MongoSubmissions(Database(client, name)),
        orchestrator_submissions.MongoSubmissions(Database(client, name)),
        MongoLifecycleStore(Database(client, name)),
        MongoIdempotencyStore(Database(client, name)),
        MongoTombstones(Database(client, name)),
    )


def test_a_canceled_submission_is_never_due(stores: Stores) -> None:
    submission = stores.accepted()
    assert stores.lifecycle.cancel(submission, REASON, stores.front.now())
    after = stores.read(submission)
    assert (after.state, after.reason, after.fence, after.due_at) == (SubmissionState.CANCELED, REASON, 1, None)
    assert after.ended_at is not None
    (event,) = [each for each in numbered(after) if each.event.type == "submission.canceled"]
    assert (event.number, event.event.reason) == (after.event_count, REASON)
    assert stores.back.due(10) == []
    assert stores.back.claim(submission, "late", 60, Progress(submission.steps)) is None


def test_the_owner_of_a_canceled_submission_can_write_nothing(stores: Stores) -> None:
    submission, claim = stores.claimed()
    assert stores.lifecycle.cancel(submission, REASON, stores.front.now())
    before = stores.read(submission)
    assert [step.state for step in before.steps] == [StepState.SUCCEEDED, StepState.PENDING]
    assert before.steps[0].output == {"label": "$NOW"}
    progress = Progress(submission.steps)
    writes: list[Callable[[], None]] = [
        lambda: stores.back.renew(claim, 60),
        lambda: stores.back.checkpoint(claim, progress),
        lambda: stores.back.succeed(claim, progress, {}),
        lambda: stores.back.fail(claim, progress, "late"),
        lambda: stores.back.defer(claim, progress, "late", 0),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert not stores.back.take_back(submission, 5)
    assert not stores.back.fail_as_poison(submission, "late")
    assert stores.read(submission) == before


def test_a_cancel_keeps_a_checkpoint_that_came_after_the_read(stores: Stores) -> None:
    submission, claim = stores.claimed()
    steps = [step.model_copy(deep=True) for step in submission.steps]
    steps[1].state, steps[1].output = StepState.SUCCEEDED, {"area": 1}
    stores.back.checkpoint(claim, Progress(steps, [MASK]))
    assert stores.lifecycle.cancel(submission, REASON, stores.front.now())
    after = stores.read(submission)
    assert (after.steps[1].state, after.artifacts) == (StepState.SUCCEEDED, [MASK])


def test_a_move_of_an_outdated_submission_does_nothing(stores: Stores) -> None:
    submission = stores.accepted()
    stores.back.claim(submission, "owner", 60, Progress(submission.steps))
    assert not stores.lifecycle.cancel(submission, REASON, stores.front.now())
    assert stores.read(submission).state is SubmissionState.RUNNING
    failed = stores.ended(SubmissionState.FAILED)
    assert stores.lifecycle.retry(failed, 0, 5, stores.front.now())
    assert not stores.lifecycle.retry(failed, 0, 5, stores.front.now())
    assert not stores.lifecycle.remove(failed)
    assert stores.read(failed).retries == 1


def test_of_many_moves_at_once_one_is_made(stores: Stores) -> None:
    submission, _ = stores.claimed()
    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: stores.lifecycle.cancel(submission, REASON, stores.front.now()), range(16)))
    assert moved.count(True) == 1
    assert stores.read(submission).fence == 2


@pytest.mark.parametrize("state", [SubmissionState.FAILED, SubmissionState.CANCELED])
def test_a_retried_submission_is_queued_with_its_checkpoints(stores: Stores, state: SubmissionState) -> None:
    before = stores.ended(state)
    assert stores.lifecycle.retry(before, 9, -1, stores.front.now())
    after = stores.read(before)
    assert (after.state, after.fence, after.retries, after.lost_leases) == ("queued", before.fence + 1, 1, 0)
    assert (after.reason, after.ended_at, after.lease, after.published_at, after.queue_depth_at_submit) == (
        None,
        None,
        None,
        None,
        9,
    )
    assert present(after.retried_at) == after.asked_at > after.created_at or isinstance(stores.back, MemoryStore)
    assert after.steps[0] == before.steps[0]
    assert (after.steps[1].state, after.steps[1].tries, after.steps[1].faults) == ("pending", 4, {})
    assert numbered(after)[-1].event.type == "submission.queued"
    assert after.event_count == len(after.events)
    if isinstance(stores.back, MemoryStore):
        stores.back.clock.advance(1)
    assert [each.id for each in stores.back.due(10)] == [before.id]
    claim = present(stores.back.claim(after, "other", 60, Progress(after.steps)))
    stores.back.succeed(claim, Progress(after.steps), {"x": 1})
    assert stores.read(before).state is SubmissionState.SUCCEEDED


def test_an_illegal_move_is_refused(stores: Stores) -> None:
    succeeded = stores.ended(SubmissionState.SUCCEEDED)
    with pytest.raises(IllegalMove):
        stores.lifecycle.cancel(succeeded, REASON, stores.front.now())
    with pytest.raises(IllegalMove):
        stores.lifecycle.retry(succeeded, 0, 5, stores.front.now())
    assert stores.read(succeeded) == succeeded


def test_a_webhook_is_due_after_a_cancel_and_after_a_retried_run(stores: Stores) -> None:
    submission = stores.accepted(webhook=Webhook(url="https://example.org/"))
    assert stores.lifecycle.cancel(submission, REASON, stores.front.now())
    canceled = stores.read(submission)
    assert present(canceled.webhook).due_at is not None
    assert stores.lifecycle.retry(canceled, 0, 5, stores.front.now())
    again = stores.read(submission)
    webhook = present(again.webhook)
    assert (webhook.url, webhook.due_at) == ("https://example.org/", None)
    claim = present(stores.back.claim(again, "owner", 60, Progress(again.steps)))
    stores.back.fail(claim, Progress(again.steps), "x")
    assert stores.webhook(submission).due_at is not None


def test_a_deleted_submission_leaves_a_tombstone_and_no_image(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stores.back.save_artifact(claim, submission, MASK, b"png")
    stores.back.checkpoint(claim, Progress(submission.steps, [MASK]))
    stores.lifecycle.cancel(submission, REASON, stores.front.now())
    deletion = Deletion(submission.id, ("input", "mask.png"))
    for _ in range(2):  # two requests may delete at the same time
        stores.lifecycle.write_tombstone(deletion, stores.front.now())
    assert present(stores.tombstones.find(submission.id)).reason is GoneReason.DELETED
    assert stores.lifecycle.unfinished(10, stores.front.now()) == []
    assert stores.lifecycle.unfinished(10, stores.front.now() + timedelta(seconds=61)) == [deletion]
    assert stores.lifecycle.remove(stores.read(submission))
    assert stores.back.read(submission.id) is None
    stores.lifecycle.clear(deletion)
    assert stores.lifecycle.unfinished(10, stores.front.now() + timedelta(seconds=61)) == []
    assert present(stores.tombstones.find(submission.id)).reason is GoneReason.DELETED
    for name in deletion.images:
        assert stores.back.image(submission.id, name) is None
    with pytest.raises(LeaseLost):
        stores.back.checkpoint(claim, Progress(submission.steps))


def test_an_artifact_that_is_saved_after_the_deletion_is_discarded(stores: Stores) -> None:
    submission, claim = stores.claimed()
    stores.lifecycle.cancel(submission, REASON, stores.front.now())
    stores.lifecycle.remove(stores.read(submission))
    stores.back.save_artifact(claim, submission, MASK, b"png")
    stores.back.discard(claim, {"mask.png"})
    assert stores.back.image(submission.id, "mask.png") is None


def test_a_checkpointed_or_later_owners_artifact_is_not_discarded(stores: Stores) -> None:
    submission, first = stores.claimed()
    stores.back.save_artifact(first, submission, MASK, b"first")
    stores.back.checkpoint(first, Progress(submission.steps, [MASK]))
    stores.back.discard(first, {"mask.png"})
    assert present(stores.back.image(submission.id, "mask.png")).data == b"first"
    other = replace(first, fence=first.fence + 1)
    outline = MASK.model_copy(update={"name": "outline.png"})
    stores.back.save_artifact(other, submission, outline, b"later")
    stores.back.discard(first, {"outline.png"})
    assert present(stores.back.image(submission.id, "outline.png")).data == b"later"


def test_of_many_claims_of_a_key_one_wins_and_can_be_read(stores: Stores) -> None:
    end = stores.front.now() + timedelta(hours=1)
    keys = [RequestKey("k", f"fingerprint-{number}", f"id-{number}", end) for number in range(16)]
    assert stores.keys.find("k") is None
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(stores.keys.claim, keys))
    assert won.count(True) == 1
    found = present(stores.keys.find("k"))
    winner = keys[won.index(True)]
    assert (found.fingerprint, found.submission_id) == (winner.fingerprint, winner.submission_id)
    assert abs(found.expires_at - end) < timedelta(milliseconds=1)
    stores.keys.forget(keys[won.index(False)])
    assert stores.keys.find("k") == found
    stores.keys.forget(found)
    assert stores.keys.find("k") is None


def test_of_many_writers_of_one_submission_one_stores_it(stores: Stores) -> None:
    submission = make_submission(make_workflow(GATED))
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda _: stores.keys.accept_once(submission, b"image"), range(16)))
    assert stored.count(True) == 1
    assert stores.read(submission) == submission
    assert present(stores.back.image(submission.id, "input")).data == b"image"


def test_a_database_that_is_down_is_reported(stores: Stores) -> None:
    client = connect(f"mongodb://127.0.0.1:{free_ports(1)}", "tests", timeout_seconds=0.3)
    submission = make_submission()
    with client:
        lifecycle = MongoLifecycleStore(Database(client, "test"))
        keys = MongoIdempotencyStore(Database(client, "test"))
        for call in (
            lambda: lifecycle.cancel(submission, REASON, submission.created_at),
            lambda: lifecycle.remove(submission),
            lambda: lifecycle.unfinished(1, submission.created_at),
            lambda: keys.find("k"),
            lambda: keys.accept_once(submission, b""),
        ):
            with pytest.raises(StoreUnavailable):
                call()
