"""The sweep publishes lost jobs again, takes over expired leases, and fails poison."""

from __future__ import annotations

import pytest

from contracts.errors import BrokerUnavailable, StoreUnavailable
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from orchestrator.execution.engine import HeldClaims
from orchestrator.execution.leases import LeaseKeeper
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.maintenance.sweep import BUSY_QUEUE_PATIENCE, Sweep
from orchestrator.ports import Claim, Progress
from tests.support.factories import make_submission, make_workflow
from tests.support.fakes import FakeClock, FakeEventPublisher, FakeJobPublisher, MemoryStore


class World:
    def __init__(self) -> None:
        self.clock, self.job_publisher, self.event_publisher = FakeClock(), FakeJobPublisher(), FakeEventPublisher()
        self.store = MemoryStore(self.clock)
        self.sweep = Sweep(
            self.store,
            self.job_publisher,
            self.event_publisher,
            self.clock,
            republish_seconds=30,
            lost_leases_limit=3,
            lease_seconds=10,
        )
        self.submission = make_submission()
        self.store.accept(self.submission, b"img")

    @property
    def stored(self) -> Submission:
        submission = self.store.read(self.submission.id)
        assert submission is not None
        return submission

    def claim(self) -> Claim:
        submission = self.stored
        claim = self.store.claim(submission, "owner", 10, Progress(submission.steps))
        assert claim is not None
        return claim

    def run(self) -> WorkflowRun:
        return WorkflowRun(self.stored, make_workflow())


@pytest.fixture
def world() -> World:
    return World()


def changed(world: World, state: SubmissionState) -> SubmissionChanged:
    """Without a number: only the document knows which event it is."""
    return SubmissionChanged(world.submission.id, "digits", state, None)


def test_what_was_just_accepted_is_left_to_the_gateways_publisher(world: World) -> None:
    assert world.sweep.once() == 0
    assert world.job_publisher.published == []


def test_a_job_that_was_not_published_is_published_once(world: World) -> None:
    world.clock.advance(6)
    assert world.sweep.once() == 1
    assert world.sweep.once() == 0
    assert world.job_publisher.published == [(world.submission.id, 0.0)]
    assert world.stored.published_at == world.clock.now()


def test_a_published_job_that_nothing_followed_is_published_again(world: World) -> None:
    world.store.mark_published([world.submission.id])
    world.clock.advance(31)
    assert world.sweep.once() == 1


def test_in_a_busy_queue_its_message_is_waited_for(world: World) -> None:
    world.job_publisher.waits["digits"] = 5
    world.store.mark_published([world.submission.id])
    world.clock.advance(31)
    assert world.sweep.once() == 0
    assert world.stored.due_at is not None
    assert world.stored.due_at > world.clock.now()


def test_even_a_busy_queue_may_have_lost_it(world: World) -> None:
    world.job_publisher.waits["digits"] = 5
    world.store.mark_published([world.submission.id])
    world.clock.advance(30 * BUSY_QUEUE_PATIENCE + 1)
    assert world.sweep.once() == 1


def test_a_job_that_was_never_published_is_published_into_a_busy_queue_too(world: World) -> None:
    world.job_publisher.waits["digits"] = 5
    world.clock.advance(6)
    assert world.sweep.once() == 1


def test_a_delay_message_that_was_lost_is_made_up_for(world: World) -> None:
    world.store.mark_published([world.submission.id])
    claim = world.claim()
    world.clock.advance(1)
    world.store.defer(claim, Progress(world.stored.steps), "away", 5)
    world.job_publisher.waits["digits"] = 5
    world.clock.advance(8)
    assert world.sweep.once() == 1


def test_a_running_one_with_a_lease_is_left_alone(world: World) -> None:
    world.claim()
    world.clock.advance(9)
    assert world.sweep.once() == 0
    assert world.stored.state is SubmissionState.RUNNING


def test_a_lost_lease_is_taken_over_and_its_job_published(world: World) -> None:
    world.claim()
    world.clock.advance(11)
    assert world.sweep.once() == 1
    stored = world.stored
    assert (stored.state, stored.fence, stored.lost_leases) == (SubmissionState.QUEUED, 2, 1)
    assert world.job_publisher.published == [(world.submission.id, 0.0)]
    assert world.event_publisher.changes == [changed(world, SubmissionState.QUEUED)]
    assert world.sweep.once() == 0  # its message is on the way


def test_after_an_outage_of_the_store_the_living_have_a_leases_time_to_say_so(world: World) -> None:
    claim = world.claim()
    world.store.away = True
    world.clock.advance(60)
    with pytest.raises(StoreUnavailable):
        world.sweep.once()
    world.store.away = False
    assert world.sweep.once() == 0
    world.clock.advance(9)
    assert world.sweep.once() == 0
    world.store.renew(claim, 10)
    world.clock.advance(1)
    assert world.sweep.once() == 0
    assert (world.stored.state, world.stored.lost_leases) == (SubmissionState.RUNNING, 0)
    world.clock.advance(10)
    assert world.sweep.once() == 1


def test_a_renewed_lease_is_not_taken_over(world: World) -> None:
    claim = world.claim()
    held = HeldClaims()
    held.add(claim, world.run())
    keeper = LeaseKeeper(world.store, held, world.clock, 10)
    for _ in range(5):
        world.clock.advance(8)
        keeper.once()
    assert world.sweep.once() == 0


def test_the_keeper_forgets_a_claim_that_was_lost(world: World) -> None:
    held = HeldClaims()
    held.add(world.claim(), world.run())
    world.store.documents[world.submission.id]["fence"] = 9
    LeaseKeeper(world.store, held, world.clock, 10).once()
    assert held.all() == []


def test_a_lost_claim_takes_no_later_one_with_it(world: World) -> None:
    """One process may claim again what it lost while it was slow; its first try ends while the second one works."""
    held = HeldClaims()
    lost = world.claim()
    held.add(lost, world.run())
    world.clock.advance(11)
    world.sweep.once()
    claim, run = world.claim(), world.run()
    held.add(claim, run)
    held.drop(lost)
    assert held.all() == [(claim, run)]


def test_what_outlives_its_owners_fails_as_poison(world: World) -> None:
    for _ in range(3):
        world.claim()
        world.clock.advance(11)
        world.sweep.once()
    stored = world.stored
    assert stored.state is SubmissionState.FAILED
    assert "poison" in str(stored.reason)
    assert world.job_publisher.dead_lettered == [world.submission.id]
    assert world.job_publisher.published == [(world.submission.id, 0.0)] * 2
    assert world.event_publisher.changes[-1] == changed(world, SubmissionState.FAILED)
    assert stored.due_at is None
    assert world.sweep.once() == 0


def test_one_that_another_process_took_over_first_is_neither_published_nor_dead_lettered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.claim()
    world.clock.advance(11)
    (due,) = world.store.due(10)
    assert world.store.take_back(due, 30)
    monkeypatch.setattr(world.store, "due", lambda _limit: [due, due.model_copy(update={"lost_leases": 9})])
    assert world.sweep.once() == 0
    assert (world.job_publisher.published, world.job_publisher.dead_lettered) == ([], [])
    assert world.event_publisher.changes == []


def test_without_a_broker_everything_stays_due(world: World) -> None:
    world.clock.advance(6)
    world.job_publisher.away = True
    with pytest.raises(BrokerUnavailable):
        world.sweep.once()
    world.job_publisher.away = False
    assert world.sweep.once() == 1


def test_a_sweep_that_breaks_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.store.away = True
    ticks = iter([True, True, False])
    monkeypatch.setattr(world.clock, "sleep", lambda seconds: next(ticks))
    world.sweep.run(2)
    world.store.away = False
    assert next(ticks, "spent") == "spent"
