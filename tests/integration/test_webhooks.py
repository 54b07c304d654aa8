"""The outbox in memory and the real one alike; and an event's whole way to a receiver that verifies it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from contracts.errors import InvalidDocument, StoreUnavailable
from contracts.submissions.documents import ATTEMPTS_KEPT, Submission, Webhook, WebhookAttempt
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import event_id
from contracts.webhooks.targets import parse_allowed
from gateway.adapters.mongo import submissions as gateway_submissions
from gateway.adapters.mongo.webhook_replays import MongoWebhookReplays
from gateway.submissions.ports import WebhookReplays
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from orchestrator.adapters.mongo.webhook_outbox import WINDOWS_SECONDS, MongoOutbox
from orchestrator.ports import Progress
from orchestrator.webhooks.delivery import THREADS, Deliverer
from orchestrator.webhooks.ports import Outbox
from orchestrator.webhooks.schedule import Delivered, GiveUp, TryAgain
from orchestrator.webhooks.sender import HttpSender
from runtime.clock import SystemClock
from runtime.mongo import Database, connect
from tests.support.databases import NamedDatabase
from tests.support.factories import make_submission
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import MemoryStore
from tests.support.local_cluster import free_ports
from tests.support.present import present
from tests.support.receivers import receiver

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
URL = "https://receiver.example/$hook"


class World:
    """Both processes' stores over the same documents, and the outbox in them."""

    def __init__(
        self,
        front: MemoryStore | gateway_submissions.MongoSubmissions,
        back: MemoryStore | orchestrator_submissions.MongoSubmissions,
        outbox: Outbox,
        replays: WebhookReplays,
    ) -> None:
        self.front, self.back, self.outbox, self.replays = front, back, outbox, replays
        back.prepare()
        front.ping()

    def accepted(self, url: str | None = URL) -> Submission:
        submission = make_submission(created_at=self.front.now(), webhook=Webhook(url=url) if url else None)
        self.front.accept(submission, b"img")
        return submission

    def ended(self, url: str | None = URL) -> Submission:
        submission = self.accepted(url)
        claim = present(self.back.claim(submission, "owner", 60, Progress(submission.steps)))
        self.back.succeed(claim, Progress(submission.steps), {"digit": 7})
        return self.read(submission)

    def claimed(self, seconds: float = 60) -> Submission:
        (due,) = self.outbox.due(10)
        return present(self.outbox.claim(due, seconds))

    def read(self, submission: Submission) -> Submission:
        return present(self.back.read(submission.id))

    def webhook(self, submission: Submission) -> Webhook:
        return present(self.read(submission).webhook)

    def change(self, submission: Submission, **changes: Any) -> None:
        """Write as a careless hand would; dots go into documents."""
        if isinstance(self.back, MemoryStore):
            document = self.back.documents[submission.id]
            for name, value in changes.items():
                *parents, last = name.split("__")
                place = document
                for parent in parents:
                    place = place[parent]
                place[last] = value
        else:
            named = {name.replace("__", "."): value for name, value in changes.items()}
            self.back._submissions.update_one({"_id": submission.id}, {"$set": named})


def attempt(submission: Submission, status: int | None = 500, error: str | None = None) -> WebhookAttempt:
    now = present(submission.ended_at)
    return WebhookAttempt(id=event_id(submission), started_at=now, ended_at=now, status=status, error=error)


@pytest.fixture(params=["memory", "mongo"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        store = MemoryStore()
        outbox = MemoryOutbox(store)
        return World(store, store, outbox, outbox)
    return _real(request.getfixturevalue("database"))


@pytest.fixture
def real(database: NamedDatabase) -> World:
    return _real(database)


def _real(database: NamedDatabase) -> World:
    client, name = database
    front, back = (
        gateway_submissions.MongoSubmissions(Database(client, name)),
        orchestrator_submissions.MongoSubmissions(Database(client, name)),
    )
    return World(front, back, MongoOutbox(Database(client, name)), MongoWebhookReplays(Database(client, name)))


def test_the_end_makes_it_due_and_nothing_else_does(world: World) -> None:
    waiting, without = world.accepted(), world.ended(url=None)
    world.back.claim(waiting, "owner", 60, Progress(waiting.steps))
    ended = world.ended()
    (due,) = world.outbox.due(10, recent=True)
    assert (due.submission_id, due.url) == (ended.id, URL)
    webhook = present(ended.webhook)
    assert due.due_at == webhook.due_at == ended.ended_at
    assert (webhook.tries, webhook.attempts) == (0, [])
    assert world.read(without).webhook is None


def test_failures_and_burials_are_ends(world: World) -> None:
    first, second = world.accepted(), world.accepted()
    claim = present(world.back.claim(first, "owner", 60, Progress(first.steps)))
    world.back.fail(claim, Progress(first.steps), "because")
    world.back.claim(second, "owner", 60, Progress(second.steps))
    assert world.back.fail_as_poison(world.read(second), "poison")
    assert {due.submission_id for due in world.outbox.due(10)} == {first.id, second.id}


def test_of_many_claims_one_wins(world: World) -> None:
    world.ended()
    (due,) = world.outbox.due(10)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: world.outbox.claim(due, 60), range(16)))
    (claimed,) = [claim for claim in claims if claim]
    assert present(present(claimed.webhook).due_at) > due.due_at + timedelta(seconds=59)
    assert world.outbox.due(10) == []


def test_what_is_delivered_is_done(world: World) -> None:
    submission = world.ended()
    claimed = world.claimed()
    world.outbox.record(claimed, attempt(claimed, 200), Delivered())
    webhook = world.webhook(submission)
    assert (webhook.due_at, webhook.tries) == (None, 1)
    assert webhook.sent_at is not None
    assert webhook.attempts == [attempt(claimed, 200)]


def test_what_failed_is_due_later(world: World) -> None:
    submission = world.ended()
    claimed = world.claimed()
    world.outbox.record(claimed, attempt(claimed, None, error="$NOW"), TryAgain(300))
    webhook = world.webhook(submission)
    assert timedelta(seconds=299) < present(webhook.due_at) - present(submission.ended_at) < timedelta(seconds=360)
    assert webhook.sent_at is None
    assert (webhook.tries, webhook.attempts[0].error) == (1, "$NOW")
    assert world.outbox.due(10) == []


def test_what_is_given_up_is_never_due(world: World) -> None:
    submission = world.ended()
    claimed = world.claimed()
    world.outbox.record(claimed, attempt(claimed, 410), GiveUp("gone"))
    webhook = world.webhook(submission)
    assert (webhook.due_at, webhook.sent_at) == (None, None)


def test_the_history_is_bounded(world: World) -> None:
    submission = world.ended()
    for status in range(ATTEMPTS_KEPT + 5):
        claimed = world.claimed(seconds=-1)
        world.outbox.record(claimed, attempt(claimed, status), TryAgain(-1))
    webhook = world.webhook(submission)
    assert [each.status for each in webhook.attempts] == list(range(5, ATTEMPTS_KEPT + 5))
    assert webhook.tries == ATTEMPTS_KEPT + 5


def test_a_replay_begins_the_schedule_anew_and_keeps_the_history(world: World) -> None:
    submission = world.ended()
    claimed = world.claimed()
    world.outbox.record(claimed, attempt(claimed, 200), Delivered())
    assert world.replays.replay(world.read(submission))
    webhook = world.webhook(submission)
    assert (webhook.tries, webhook.sent_at, len(webhook.attempts)) == (0, None, 1)
    assert [due.submission_id for due in world.outbox.due(10)] == [submission.id]


def test_a_replay_of_what_has_changed_does_nothing(world: World) -> None:
    submission = world.ended()
    world.claimed()
    assert world.replays.replay(submission.model_copy(update={"fence": 9})) is False
    assert world.outbox.due(10) == []


def test_a_replay_during_a_delivery_is_not_lost(world: World) -> None:
    submission = world.ended()
    claimed = world.claimed()
    assert world.replays.replay(submission)
    world.outbox.record(claimed, attempt(claimed, 200), Delivered())
    webhook = world.webhook(submission)
    assert webhook.due_at is not None
    assert (webhook.tries, len(webhook.attempts)) == (0, 1)


def test_what_has_not_ended_is_dropped(world: World) -> None:
    submission = world.ended()
    world.change(submission, state=SubmissionState.QUEUED.value)
    claimed = world.claimed()
    world.outbox.drop(claimed)
    assert world.webhook(submission).due_at is None
    assert world.outbox.due(10) == []


def test_what_is_put_off_is_due_later_unless_somebody_took_it(world: World) -> None:
    submissions = [world.ended() for _ in range(3)]
    dues = world.outbox.due(10)
    taken = present(world.outbox.claim(dues[0], 60))
    taken_due_at = present(present(taken.webhook).due_at)
    world.outbox.postpone_all(dues, 30)
    assert world.outbox.due(10) == []
    assert world.webhook(taken).due_at == taken_due_at
    others = [each for each in submissions if each.id != taken.id]
    assert all(present(world.webhook(each).due_at) < taken_due_at for each in others)
    world.outbox.postpone_all([], 30)


def test_what_is_found_is_bounded_and_the_newest_comes_first(world: World) -> None:
    old, new = world.ended(), [world.ended() for _ in range(3)]
    world.change(old, webhook__due_at=present(world.webhook(old).due_at) - timedelta(hours=1))
    assert {due.submission_id for due in world.outbox.due(3)} == {each.id for each in new}
    assert old.id in {due.submission_id for due in world.outbox.due(10)}
    assert old.id not in {due.submission_id for due in world.outbox.due(10, recent=True)}


@pytest.mark.parametrize("days", [0.1, 1, 3, 40])
def test_what_was_left_for_long_is_found(world: World, days: float) -> None:
    submission = world.ended()
    world.change(submission, webhook__due_at=present(world.webhook(submission).due_at) - timedelta(days=days))
    assert [due.submission_id for due in world.outbox.due(10)] == [submission.id]
    assert days * 86_400 < WINDOWS_SECONDS[-1]


def test_one_that_nobody_can_read_is_left_for_a_while(world: World) -> None:
    submission = world.ended()
    world.change(submission, state="odd")
    (due,) = world.outbox.due(10)
    with pytest.raises(InvalidDocument):
        world.outbox.claim(due, 60)
    assert world.outbox.due(10) == []


def test_a_database_that_is_not_there_is_told() -> None:
    client = connect(f"mongodb://127.0.0.1:{free_ports(1)}", "tests", timeout_seconds=0.3)
    outbox, replays = MongoOutbox(Database(client, "test")), MongoWebhookReplays(Database(client, "test"))
    submission = make_submission(webhook=Webhook(url=URL))
    calls: list[Callable[[], object]] = [
        lambda: outbox.due(1),
        lambda: replays.replay(submission),
        lambda: outbox.drop(submission),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    client.close()


def test_the_index_serves_the_look(real: World, database: NamedDatabase) -> None:
    client, name = database
    real.outbox.prepare()
    indexes = client[name]["submissions"].index_information()
    (index,) = [each for each in indexes.values() if each["key"] == [("webhook.due_at", 1)]]
    assert index["sparse"]


def test_an_event_reaches_a_receiver_that_was_down_and_is_verified(real: World) -> None:
    """Nobody listens at first; then somebody does, and gets the event with the id of the first try."""
    port = free_ports(1)
    with ThreadPoolExecutor(THREADS) as pool:
        deliverer = Deliverer(
            real.outbox,
            HttpSender(parse_allowed("127.0.0.1")),
            SystemClock(real.back.now),
            [SECRET],
            pool,
            uniform=lambda: 0.0,
        )
        loop = threading.Thread(target=deliverer.run, daemon=True)
        loop.start()
        submission = real.ended(f"http://127.0.0.1:{port}/hook")
        deliverer.ended(submission)
        _until(lambda: len(real.webhook(submission).attempts) == 1)
        (failed,) = real.webhook(submission).attempts
        assert (failed.status, failed.error) == (None, "The receiver could not be reached: Connection refused.")
        with receiver(port) as listening:
            _until(lambda: real.webhook(submission).sent_at is not None)
            (received,) = listening.received
            event = Verifier(SECRET).verify(received.body, received.headers)
            assert (event["type"], event["data"]["id"]) == ("submission.succeeded", submission.id)
            assert event["data"]["result"] == {"digit": 7}
            assert received.headers["webhook-id"] == failed.id
            # And once more, on request.
            assert real.replays.replay(real.read(submission))
            deliverer.ended(submission)
            _until(lambda: len(real.webhook(submission).attempts) == 3)
            again = listening.received[1]
            assert Verifier(SECRET).verify(again.body, again.headers) == event
            assert again.headers["webhook-id"] == failed.id
        deliverer.stop(30)
        loop.join(30)


def test_two_orchestrators_send_each_event_once(real: World) -> None:
    with receiver() as listening, ThreadPoolExecutor(2 * THREADS) as pool:
        sender = HttpSender(parse_allowed("127.0.0.1"))
        deliverers = [Deliverer(real.outbox, sender, SystemClock(real.back.now), [SECRET], pool) for _ in range(2)]
        loops = [threading.Thread(target=each.run, daemon=True) for each in deliverers]
        for loop in loops:
            loop.start()
        submissions = [real.ended(f"http://127.0.0.1:{listening.port}/{n}") for n in range(30)]
        for each in deliverers:
            each.ended(submissions[-1])
        _until(lambda: all(real.webhook(each).sent_at for each in submissions))
        for each, loop in zip(deliverers, loops, strict=True):
            each.stop(30)
            loop.join(30)
        assert sorted(each.path for each in listening.received) == sorted(f"/{n}" for n in range(30))


def _until(condition: Callable[[], object]) -> None:
    """Wait for what the threads will do, up to a bound."""
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")
