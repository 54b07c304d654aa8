"""Deliveries with an outbox and receivers in memory: what is sent, when, by whom, and what is kept of it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import StoreUnavailable
from contracts.submissions.documents import Submission, Webhook
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import event_id
from orchestrator.ports import Progress
from orchestrator.webhooks.delivery import BATCH, CLAIM_SECONDS, HOST_BUSY_SECONDS, THREADS, THREADS_PER_HOST, Deliverer
from orchestrator.webhooks.schedule import SCHEDULE_SECONDS
from tests.support.factories import NOW, make_submission
from tests.support.fake_outbox import FakeSender, MemoryOutbox
from tests.support.fakes import FakeClock, MemoryStore
from tests.support.patience import PATIENCE

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
URL = "https://receiver.example/hook"


class AtOnce(Executor):
    """Runs what is submitted before ``submit`` returns."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*arguments, **named))
        return future


class Later(Executor):
    """Runs nothing until it is told to: as threads whose receivers hang."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.waiting.append(lambda: work(*arguments, **named))
        return Future()

    def run(self) -> None:
        begun, self.waiting = self.waiting, []
        for work in begun:
            work()


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.outbox = MemoryOutbox(self.store)
        self.sender = FakeSender()
        self.deliverer = self.another()

    def another(self, pool: Executor | None = None) -> Deliverer:
        return Deliverer(self.outbox, self.sender, self.clock, [SECRET], pool or AtOnce(), uniform=lambda: 0.0)

    def accepted(self, url: str = URL) -> Submission:
        submission = make_submission(webhook=Webhook(url=url))
        self.store.accept(submission, b"img")
        return submission

    def ended(self, url: str = URL) -> Submission:
        submission = self.accepted(url)
        claim = self.store.claim(submission, "owner", 60, Progress(submission.steps))
        assert claim is not None
        self.store.succeed(claim, Progress(submission.steps), {"digit": 7})
        return self.stored(submission)

    def stored(self, submission: Submission) -> Submission:
        stored = self.store.read(submission.id)
        assert stored is not None
        return stored

    def webhook(self, submission: Submission) -> Webhook:
        webhook = self.stored(submission).webhook
        assert webhook is not None
        return webhook


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_sent_before_the_end(world: World) -> None:
    submission = world.accepted()
    world.store.claim(submission, "owner", 60, Progress(submission.steps))
    assert world.deliverer.once() == 0
    assert world.sender.sent == []


def test_an_end_is_told_once(world: World) -> None:
    submission = world.ended()
    assert world.deliverer.once(recent=True) == 1
    assert world.deliverer.once() == 0
    ((url, headers, body),) = world.sender.sent
    assert (url, headers["webhook-id"]) == (URL, event_id(submission))
    assert json.loads(body)["data"]["id"] == submission.id
    webhook = world.webhook(submission)
    assert (webhook.due_at, webhook.sent_at, webhook.tries) == (None, world.clock.now(), 1)
    (attempt,) = webhook.attempts
    assert (attempt.id, attempt.status, attempt.error) == (event_id(submission), 204, None)


def test_a_submission_without_a_webhook_is_nobodys_business(world: World) -> None:
    submission = make_submission()
    world.store.accept(submission, b"img")
    claim = world.store.claim(submission, "owner", 60, Progress(submission.steps))
    assert claim is not None
    world.store.fail(claim, Progress(submission.steps), "x")
    assert world.stored(submission).webhook is None
    assert world.deliverer.once() == 0


def test_one_that_failed_as_poison_is_sent_too(world: World) -> None:
    submission = world.accepted()
    world.store.claim(submission, "owner", 1, Progress(submission.steps))
    world.store.fail_as_poison(world.stored(submission), "poison")
    world.deliverer.once()
    assert json.loads(world.sender.sent[0][2])["type"] == "submission.failed"


def test_a_receiver_that_is_down_is_tried_by_the_schedule_and_then_given_up(world: World) -> None:
    submission = world.ended()
    world.sender.answers = ["The receiver could not be reached: Connection refused."] * 20
    for seconds in SCHEDULE_SECONDS:
        world.clock.advance(seconds - 0.001)
        before = len(world.sender.sent)
        if seconds:
            assert world.deliverer.once() == 0
        world.clock.advance(0.001)
        assert world.deliverer.once() == 1
        assert len(world.sender.sent) == before + 1
    world.clock.advance(30 * 24 * 3600)
    assert world.deliverer.once() == 0
    webhook = world.webhook(submission)
    assert (webhook.due_at, webhook.sent_at, webhook.tries) == (None, None, len(SCHEDULE_SECONDS))
    assert {attempt.error for attempt in webhook.attempts} == {"The receiver could not be reached: Connection refused."}
    assert len({headers["webhook-id"] for _, headers, _ in world.sender.sent}) == 1


def test_it_is_delivered_at_the_second_try(world: World) -> None:
    submission = world.ended()
    world.sender.answers = [503]
    world.deliverer.once()
    world.clock.advance(5)
    world.deliverer.once()
    webhook = world.webhook(submission)
    assert [attempt.status for attempt in webhook.attempts] == [503, 204]
    assert webhook.sent_at == world.clock.now()


def test_gone_ends_it(world: World) -> None:
    submission = world.ended()
    world.sender.answers = [410]
    world.deliverer.once()
    world.clock.advance(1e6)
    assert world.deliverer.once() == 0
    assert world.webhook(submission).sent_at is None


def test_the_history_keeps_the_latest_attempts(world: World) -> None:
    submission = world.ended()
    world.sender.answers = [410] * 30
    for _ in range(25):
        world.deliverer.once()
        world.clock.advance(1)
        assert world.outbox.replay(world.stored(submission))
    attempts = world.webhook(submission).attempts
    assert len(attempts) == 20
    assert attempts[0].started_at - NOW == timedelta(seconds=5)


def test_of_two_orchestrators_one_sends(world: World) -> None:
    world.ended()
    pools = Later(), Later()
    for pool in pools:
        assert world.another(pool).once() == 1
    for pool in pools:
        pool.run()
    assert len(world.sender.sent) == 1


def test_what_a_dead_orchestrator_had_is_sent_by_another(world: World) -> None:
    submission = world.ended()
    (due,) = world.outbox.due(10)
    assert world.outbox.claim(due, CLAIM_SECONDS) is not None
    assert world.deliverer.once() == 0
    world.clock.advance(CLAIM_SECONDS)
    assert world.deliverer.once() == 1
    assert world.webhook(submission).sent_at is not None


def test_a_replay_while_it_is_sent_is_sent_too(world: World) -> None:
    submission = world.ended()

    def replay() -> None:
        world.sender.during = lambda: None
        world.clock.advance(1)
        assert world.outbox.replay(world.stored(submission))

    world.sender.during = replay
    world.deliverer.once()
    assert world.webhook(submission).due_at is not None
    world.deliverer.once()
    webhook = world.webhook(submission)
    assert [attempt.status for attempt in webhook.attempts] == [204, 204]
    assert (webhook.due_at, webhook.tries) == (None, 1)


def test_what_was_queued_again_before_its_failure_was_told_is_not_told(world: World) -> None:
    submission = world.ended()
    world.store.documents[submission.id]["state"] = SubmissionState.QUEUED
    world.deliverer.once()
    assert world.sender.sent == []
    assert world.webhook(submission).due_at is None


def test_a_slow_receiver_leaves_threads_to_the_others(world: World) -> None:
    pool = Later()
    deliverer = world.another(pool)
    for _ in range(THREADS):
        world.ended("https://slow.example/")
    assert deliverer.once() == THREADS_PER_HOST
    world.ended("https://quick.example/")
    assert deliverer.once() == 1
    assert len(pool.waiting) == THREADS_PER_HOST + 1


def test_no_more_is_taken_than_there_are_threads(world: World) -> None:
    pool = Later()
    deliverer = world.another(pool)
    for number in range(THREADS + 3):
        world.ended(f"https://r{number}.example/")
    assert deliverer.once() == THREADS
    assert deliverer.once() == 0
    pool.run()
    assert deliverer.once() == 3


def test_one_receivers_many_do_not_stand_before_all_others_for_ever(world: World) -> None:
    other = world.ended("https://quick.example/")
    world.clock.advance(1)
    for _ in range(BATCH + THREADS):
        world.ended("https://slow.example/")
    pool = Later()
    deliverer = world.another(pool)
    while not [due for due in world.outbox.due(BATCH) if due.submission_id == other.id]:
        assert deliverer.once() or world.outbox.due(BATCH)
    deliverer.once()
    pool.run()
    assert "https://quick.example/" in {url for url, _, _ in world.sender.sent}
    world.clock.advance(HOST_BUSY_SECONDS)
    assert len(world.outbox.due(BATCH)) == BATCH


def test_a_store_that_is_away_stops_nothing_for_good(world: World) -> None:
    submission = world.ended()
    world.store.away = True
    with pytest.raises(StoreUnavailable):
        world.deliverer.once()
    world.store.away = False

    def away() -> None:
        world.store.away = True

    world.sender.during = away
    world.deliverer.once()
    world.store.away, world.sender.during = False, lambda: None
    assert world.webhook(submission).attempts == []
    world.clock.advance(CLAIM_SECONDS)
    world.deliverer.once()
    assert len(world.sender.sent) == 2  # at least once: receivers know it by its id
    assert world.webhook(submission).sent_at is not None


def test_the_loop_sends_when_an_end_wakes_it_and_stops_when_told(world: World) -> None:
    sent = threading.Event()
    world.sender.during = sent.set
    with ThreadPoolExecutor(THREADS) as pool:
        deliverer = world.another(pool)
        loop = threading.Thread(target=deliverer.run, daemon=True)
        loop.start()
        deliverer.ended(world.ended())
        assert sent.wait(PATIENCE)
        deliverer.stop(30)
        loop.join(PATIENCE)
        assert not loop.is_alive()
    world.ended()
    assert deliverer.once() == 0
