"""What a write checks before it changes anything, and everything that it sets and removes: in memory and for real.

Each document is made so that a write that forgets a condition changes it, and one that forgets a field leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.errors import LeaseLost
from contracts.storage import layout
from contracts.submissions.documents import Artifact, Lease, Submission, Webhook
from contracts.submissions.states import StepState, SubmissionState
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.submissions import MongoSubmissions as FrontSubmissions
from gateway.adapters.mongo.webhook_replays import MongoWebhookReplays
from gateway.submissions.ports import LifecycleStore, WebhookReplays
from orchestrator.adapters.mongo.submissions import MongoSubmissions as BackSubmissions
from orchestrator.ports import Claim, Progress
from runtime.mongo import Database
from tests.support.databases import NamedDatabase
from tests.support.factories import GATED, make_submission, make_workflow
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import MemoryStore
from tests.support.present import present

MASK = Artifact(name="mask.png", media_type="image/png", bytes=3)
URL = "https://receiver.example/"


class Stores:
    """Both processes' stores over the same documents."""

    def __init__(
        self,
        front: MemoryStore | FrontSubmissions,
        back: MemoryStore | BackSubmissions,
        lifecycle: LifecycleStore,
        replays: WebhookReplays,
    ) -> None:
        self.front, self.back, self.lifecycle, self.replays = front, back, lifecycle, replays
        front.ping()

    def now(self) -> datetime:
        return self.front.now()

    def accepted(self, **changes: Any) -> Submission:
        """Store one that is due; ``changes`` may be anything that some earlier write has left."""
        now = self.now()
        values = {"created_at": now, "due_at": now - timedelta(seconds=1)} | changes
        self.front.accept(submission := make_submission(make_workflow(GATED), **values), b"image bytes")
        return self.read(submission)

    def claim(self, submission: Submission, lease_seconds: float = 60.0) -> Claim:
        found = self.read(submission)
        return present(self.back.claim(found, "owner", lease_seconds, Progress(found.steps)))

    def change(self, submission: Submission, **changes: Any) -> None:
        if isinstance(self.back, MemoryStore):
            self.back.documents[submission.id] |= changes
        else:
            self.back._submissions.update_one({"_id": submission.id}, {"$set": changes})

    def read(self, submission: Submission) -> Submission:
        return present(self.back.read(submission.id))

    def due(self) -> list[str]:
        return [each.id for each in self.back.due(100)]

    def pass_time(self) -> None:
        if isinstance(self.back, MemoryStore):
            self.back.clock.advance(0.01)
        else:
            begun = self.back._database.measure_time()
            while self.back._database.measure_time() <= begun:
                pass


@pytest.fixture(params=["memory", "mongo"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        store = MemoryStore()
        return Stores(store, store, MemoryLifecycleStore(store), MemoryOutbox(store))
    opened = Database(*request.getfixturevalue("database"))
    return Stores(
        FrontSubmissions(opened), BackSubmissions(opened), MongoLifecycleStore(opened), MongoWebhookReplays(opened)
    )


def refused_writes(stores: Stores, claim: Claim, submission: Submission) -> None:
    progress = Progress(submission.steps, [MASK])
    writes: list[Callable[[], None]] = [
        lambda: stores.back.renew(claim, 600),
        lambda: stores.back.checkpoint(claim, progress),
        lambda: stores.back.succeed(claim, progress, {"x": 1}),
        lambda: stores.back.fail(claim, progress, "late"),
        lambda: stores.back.defer(claim, progress, "late", 0),
    ]
    before = stores.read(submission)
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    assert stores.read(submission) == before


def test_a_former_owner_writes_nothing_while_another_one_runs_it(stores: Stores) -> None:
    submission = stores.accepted()
    first = stores.claim(submission)
    stores.back.defer(first, Progress(submission.steps), "away", 0)
    refused_writes(stores, first, submission)  # under the same fence, but queued
    stores.claim(submission)
    refused_writes(stores, first, submission)


def test_an_owner_whose_lease_was_taken_back_writes_nothing_while_another_one_runs_it(stores: Stores) -> None:
    submission = stores.accepted()
    first = stores.claim(submission, -1.0)
    assert stores.back.take_back(stores.read(submission), -1)
    stores.claim(submission)
    refused_writes(stores, first, submission)


def test_a_request_that_read_it_under_another_owner_changes_nothing(stores: Stores) -> None:
    submission = stores.accepted()
    stores.claim(submission, -1.0)
    earlier = stores.read(submission)
    assert stores.back.take_back(earlier, -1)
    stores.claim(submission)
    before = stores.read(submission)
    assert before.state is earlier.state
    assert not stores.lifecycle.cancel(earlier, "canceled", stores.now())
    assert not stores.lifecycle.remove(earlier)
    assert stores.read(submission) == before


def test_a_request_that_read_it_before_its_end_changes_nothing(stores: Stores) -> None:
    submission = stores.accepted(webhook=Webhook(url=URL))
    claim = stores.claim(submission)
    running = stores.read(submission)
    stores.back.succeed(claim, Progress(submission.steps), {"x": 1})
    before = stores.read(submission)
    assert before.fence == running.fence
    assert not stores.lifecycle.cancel(running, "canceled", stores.now())
    assert not stores.lifecycle.remove(running)
    assert not stores.replays.replay(running)
    assert stores.read(submission) == before


def test_a_request_that_read_it_before_it_failed_again_changes_nothing(stores: Stores) -> None:
    submission = stores.accepted(state=SubmissionState.FAILED, due_at=None, webhook=Webhook(url=URL))
    earlier = stores.read(submission)
    assert stores.lifecycle.retry(earlier, 0, -1, stores.now())
    stores.back.fail(stores.claim(submission), Progress(submission.steps), "again")
    before = stores.read(submission)
    assert before.state is earlier.state
    assert not stores.lifecycle.retry(earlier, 0, 5, stores.now())
    assert not stores.lifecycle.remove(earlier)
    assert not stores.replays.replay(earlier)
    assert stores.read(submission) == before


def test_marks_and_postponements_of_an_outdated_reading_change_nothing(stores: Stores) -> None:
    submission = stores.accepted()
    stores.back.defer(stores.claim(submission), Progress(submission.steps), "away", 300)
    before = stores.read(submission)
    assert before.state is submission.state
    stores.front.mark_published([submission.id])
    stores.back.mark_republished(submission, 1)
    stores.back.postpone(submission, 1)
    assert stores.read(submission) == before


def test_what_has_ended_is_not_marked_as_published(stores: Stores) -> None:
    submission = stores.accepted(state=SubmissionState.CANCELED, due_at=None)
    stores.front.mark_published([submission.id])
    stores.back.mark_republished(submission.model_copy(update={"state": SubmissionState.QUEUED}), 1)
    stores.back.postpone(submission.model_copy(update={"state": SubmissionState.QUEUED}), 1)
    assert stores.read(submission) == submission


def test_a_lease_that_expired_since_is_not_postponed_with_the_others(stores: Stores) -> None:
    submission = stores.accepted()
    due = stores.back.due(10)
    stores.claim(submission, -1.0)
    stores.pass_time()
    stores.back.postpone_all(due, 600)
    assert stores.due() == [submission.id]


def test_a_lease_is_taken_back_from_the_owner_and_fence_that_were_read(stores: Stores) -> None:
    submission = stores.accepted()
    stores.claim(submission, -1.0)
    expired = stores.read(submission)
    stores.change(submission, fence=7)
    before = stores.read(submission)
    assert not stores.back.take_back(expired, 5)
    assert not stores.back.fail_as_poison(expired, "poison")
    assert stores.read(submission) == before


def test_a_renewal_moves_the_leases_end_and_the_next_look_at_it(stores: Stores) -> None:
    submission = stores.accepted()
    claim = stores.claim(submission, -1.0)
    stores.pass_time()
    assert stores.due() == [submission.id]
    stores.back.renew(claim, 60)
    after = stores.read(submission)
    assert after.due_at == present(after.lease).until > stores.now() + timedelta(seconds=30)
    assert present(after.lease).owner == "owner"
    assert stores.due() == []


def test_the_first_start_is_the_start(stores: Stores) -> None:
    submission = stores.accepted()
    stores.back.defer(stores.claim(submission), Progress(submission.steps), "away", 0)
    first = present(stores.read(submission).started_at)
    stores.pass_time()
    stores.claim(submission)
    assert stores.read(submission).started_at == first


def leftovers(stores: Stores) -> dict[str, Any]:
    """Every field that some write leaves, or may have left, and that another one has to reset."""
    before = stores.now() - timedelta(hours=1)
    return {
        "reason": "because",
        "lost_leases": 2,
        "published_at": before,
        "not_before": before,
        "ended_at": before,
        "lease": Lease(owner="earlier", until=before),
        "webhook": Webhook(url=URL, due_at=before, sent_at=before, tries=3),
    }


def test_a_retry_resets_everything_of_the_earlier_run(stores: Stores) -> None:
    submission = stores.accepted(state=SubmissionState.FAILED, due_at=None, retries=1, **leftovers(stores))
    assert stores.lifecycle.retry(submission, 9, 30, stores.now())
    after = stores.read(submission)
    kept = {"reason", "lost_leases", "published_at", "not_before", "ended_at", "lease"}
    assert after.model_dump(include=kept) == dict.fromkeys(kept) | {"lost_leases": 0}
    webhook = present(after.webhook)
    assert (webhook.url, webhook.due_at, webhook.sent_at) == (URL, None, None)
    assert (after.state, after.fence, after.retries) == (SubmissionState.QUEUED, submission.fence + 1, 2)
    assert after.queue_depth_at_submit == 9
    assert present(after.retried_at) > submission.created_at - timedelta(seconds=1)
    assert present(after.due_at) > stores.now() + timedelta(seconds=20)


def test_a_claim_resets_what_a_deferral_has_left(stores: Stores) -> None:
    before = leftovers(stores)
    submission = stores.accepted(reason=before["reason"], not_before=before["not_before"])
    stores.claim(submission)
    after = stores.read(submission)
    assert (after.reason, after.not_before, present(after.lease).owner) == (None, None, "owner")


def test_an_end_removes_the_lease_and_every_time_to_look(stores: Stores) -> None:
    progress = Progress(make_submission(make_workflow(GATED)).steps)
    endings: list[Callable[[Submission, Claim], object]] = [
        lambda _, claim: stores.back.succeed(claim, progress, {"x": 1}),
        lambda _, claim: stores.back.fail(claim, progress, "away"),
        lambda submission, _: stores.lifecycle.cancel(stores.read(submission), "canceled", stores.now()),
        lambda submission, _: stores.back.fail_as_poison(stores.read(submission), "poison"),
    ]
    for end in endings:
        submission = stores.accepted(webhook=Webhook(url=URL, tries=3, sent_at=stores.now()))
        claim = stores.claim(submission, -1.0)
        stores.pass_time()
        if end is not endings[-1]:  # a lease that expires is left by its owner: nothing defers it meanwhile
            stores.change(submission, not_before=stores.now())
        end(submission, claim)
        after = stores.read(submission)
        assert after.state.terminal
        assert (after.lease, after.due_at, after.not_before) == (None, None, None)
        assert present(after.ended_at) >= present(after.started_at)
        webhook = present(after.webhook)
        assert (webhook.tries, webhook.sent_at) == (0, None)
        assert webhook.due_at is not None
        assert stores.due() == []


def test_a_lost_lease_is_counted_and_taken_back_once(stores: Stores) -> None:
    submission = stores.accepted(lost_leases=1)
    stores.claim(submission, -1.0)
    expired = stores.read(submission)
    assert stores.back.take_back(expired, 30)
    assert not stores.back.take_back(expired, 30)
    after = stores.read(submission)
    assert (after.state, after.lease, after.lost_leases, after.fence) == (SubmissionState.QUEUED, None, 2, 2)
    assert present(after.due_at) > stores.now() + timedelta(seconds=20)


def test_a_republished_job_has_its_time_and_is_due_later(stores: Stores) -> None:
    submission = stores.accepted()
    stores.back.mark_republished(submission, 30)
    after = stores.read(submission)
    assert present(after.published_at) >= submission.created_at
    assert present(after.due_at) > stores.now() + timedelta(seconds=20)


def test_a_step_that_ran_rests_after_a_deferral_and_the_others_stay(stores: Stores) -> None:
    submission = stores.accepted()
    claim = stores.claim(submission)
    first, second = submission.steps
    first.state, second.state = StepState.SUCCEEDED, StepState.RUNNING
    stores.back.defer(claim, Progress([first, second], [MASK]), "away", 30)
    after = stores.read(submission)
    assert [step.state for step in after.steps] == [StepState.SUCCEEDED, StepState.PENDING]
    assert (after.state, after.lease, after.artifacts) == (SubmissionState.QUEUED, None, [MASK])
    assert present(after.due_at) - present(after.not_before) == timedelta(seconds=2)


def test_pictures_expire_with_their_submission(database: NamedDatabase) -> None:
    client, name = database
    opened = Database(client, name)
    back = BackSubmissions(opened)
    end = opened.measure_time() + timedelta(days=1)
    kept, once, ever = (make_submission(make_workflow(GATED), expires_at=each) for each in (end, end, None))
    for submission in (kept, ever):
        FrontSubmissions(opened).accept(submission, b"image bytes")
        claim = present(back.claim(submission, "owner", 60, Progress(submission.steps)))
        back.save_artifact(claim, submission, MASK, b"png")
    assert MongoIdempotencyStore(opened).accept_once(once, b"image bytes")
    expiries = {each["_id"]: each.get("expires_at") for each in client[name][layout.IMAGES].find()}
    assert expiries == {
        f"{kept.id}/input": end,
        f"{kept.id}/mask.png": end,
        f"{once.id}/input": end,
        f"{ever.id}/input": None,
        f"{ever.id}/mask.png": None,
    }
