"""The outbox in memory and the real one behave alike, and an event reaches a receiver that verifies it."""

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
from orchestrator.adapters.webhooks.sender import HttpSender
from orchestrator.ports import Progress
from orchestrator.webhooks.delivery import THREADS, Deliverer
from orchestrator.webhooks.ports import Outbox
from orchestrator.webhooks.schedule import Delivered, GiveUp, TryAgain
from runtime.clock import SystemClock
from runtime.mongo import Database, connect
from tests.support.databases import NamedDatabase
from tests.support.factories import make_submission
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import MemoryStore
from tests.support.local_cluster import free_ports
from tests.support.patience import PATIENCE
from tests.support.present import present
from tests.support.receivers import receiver

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
URL = "https://receiver.example/$hook"


class Processes:
    """The gateway's and the orchestrator's stores and the outbox, over the same documents."""

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
        """Write what no release would; ``__`` in a name goes into a nested document."""
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
def processes(request: pytest.FixtureRequest) -> Processes:
    if request.param == "memory":
        store = MemoryStore()
        outbox = MemoryOutbox(store)
        return Processes(store, store, outbox, outbox)
    return _real(request.getfixturevalue("database"))


@pytest.fixture
def real(database: NamedDatabase) -> Processes:
    return _real(database)


def _real(database: NamedDatabase) -> Processes:
    client, name = database
    front, back = (
        gateway_submissions.MongoSubmissions(Database(client, name)),
        orchestrator_submissions.MongoSubmissions(Database(client, name)),
    )
    return Processes(front, back, MongoOutbox(Database(client, name)), MongoWebhookReplays(Database(client, name)))


def test_only_a_final_submission_has_a_due_webhook(processes: Processes) -> None:
    waiting, without = processes.accepted(), processes.ended(url=None)
    processes.back.claim(waiting, "owner", 60, Progress(waiting.steps))
    ended = processes.ended()
    (due,) = processes.outbox.due(10, recent=True)
    assert (due.submission_id, due.url) == (ended.id, URL)
    webhook = present(ended.webhook)
    assert due.due_at == webhook.due_at == ended.ended_at
    assert (webhook.tries, webhook.attempts) == (0, [])
    assert processes.read(without).webhook is None


def test_failed_and_poison_submissions_are_final(processes: Processes) -> None:
    first, second = processes.accepted(), processes.accepted()
    claim = present(processes.back.claim(first, "owner", 60, Progress(first.steps)))
    processes.back.fail(claim, Progress(first.steps), "because")
    processes.back.claim(second, "owner", 60, Progress(second.steps))
    assert processes.back.fail_as_poison(processes.read(second), "poison")
    assert {due.submission_id for due in processes.outbox.due(10)} == {first.id, second.id}


def test_of_many_claims_one_wins(processes: Processes) -> None:
    processes.ended()
    (due,) = processes.outbox.due(10)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: processes.outbox.claim(due, 60), range(16)))
    (claimed,) = [claim for claim in claims if claim]
    assert present(present(claimed.webhook).due_at) > due.due_at + timedelta(seconds=59)
    assert processes.outbox.due(10) == []


def test_a_delivered_webhook_is_not_due_again(processes: Processes) -> None:
    submission = processes.ended()
    claimed = processes.claimed()
    processes.outbox.record(claimed, attempt(claimed, 200), Delivered())
    webhook = processes.webhook(submission)
    assert (webhook.due_at, webhook.tries) == (None, 1)
    assert webhook.sent_at is not None
    assert webhook.attempts == [attempt(claimed, 200)]


def test_a_failed_attempt_makes_it_due_later(processes: Processes) -> None:
    submission = processes.ended()
    claimed = processes.claimed()
    processes.outbox.record(claimed, attempt(claimed, None, error="$NOW"), TryAgain(300))
    webhook = processes.webhook(submission)
    assert timedelta(seconds=299) < present(webhook.due_at) - present(submission.ended_at) < timedelta(seconds=360)
    assert webhook.sent_at is None
    assert (webhook.tries, webhook.attempts[0].error) == (1, "$NOW")
    assert processes.outbox.due(10) == []


def test_a_webhook_that_was_given_up_is_never_due(processes: Processes) -> None:
    submission = processes.ended()
    claimed = processes.claimed()
    processes.outbox.record(claimed, attempt(claimed, 410), GiveUp("gone"))
    webhook = processes.webhook(submission)
    assert (webhook.due_at, webhook.sent_at) == (None, None)


def test_the_stored_attempts_are_bounded(processes: Processes) -> None:
    submission = processes.ended()
    for status in range(ATTEMPTS_KEPT + 5):
        claimed = processes.claimed(seconds=-1)
        processes.outbox.record(claimed, attempt(claimed, status), TryAgain(-1))
    webhook = processes.webhook(submission)
    assert [each.status for each in webhook.attempts] == list(range(5, ATTEMPTS_KEPT + 5))
    assert webhook.tries == ATTEMPTS_KEPT + 5


def test_a_replay_restarts_the_schedule_and_keeps_the_attempts(processes: Processes) -> None:
    submission = processes.ended()
    claimed = processes.claimed()
    processes.outbox.record(claimed, attempt(claimed, 200), Delivered())
    assert processes.replays.replay(processes.read(submission))
    webhook = processes.webhook(submission)
    assert (webhook.tries, webhook.sent_at, len(webhook.attempts)) == (0, None, 1)
    assert [due.submission_id for due in processes.outbox.due(10)] == [submission.id]


def test_a_replay_of_a_changed_submission_does_nothing(processes: Processes) -> None:
    submission = processes.ended()
    processes.claimed()
    assert processes.replays.replay(submission.model_copy(update={"fence": 9})) is False
    assert processes.outbox.due(10) == []


def test_a_replay_during_a_delivery_is_not_lost(processes: Processes) -> None:
    submission = processes.ended()
    claimed = processes.claimed()
    assert processes.replays.replay(submission)
    processes.outbox.record(claimed, attempt(claimed, 200), Delivered())
    webhook = processes.webhook(submission)
    assert webhook.due_at is not None
    assert (webhook.tries, len(webhook.attempts)) == (0, 1)


def test_a_submission_that_is_not_final_is_dropped(processes: Processes) -> None:
    submission = processes.ended()
    processes.change(submission, state=SubmissionState.QUEUED.value)
    claimed = processes.claimed()
    processes.outbox.drop(claimed)
    assert processes.webhook(submission).due_at is None
    assert processes.outbox.due(10) == []


def test_postponed_webhooks_are_due_later_unless_they_are_claimed(processes: Processes) -> None:
    submissions = [processes.ended() for _ in range(3)]
    dues = processes.outbox.due(10)
    claimed = present(processes.outbox.claim(dues[0], 60))
    claimed_until = present(present(claimed.webhook).due_at)
    processes.outbox.postpone_all(dues, 30)
    assert processes.outbox.due(10) == []
    assert processes.webhook(claimed).due_at == claimed_until
    others = [each for each in submissions if each.id != claimed.id]
    assert all(present(processes.webhook(each).due_at) < claimed_until for each in others)
    processes.outbox.postpone_all([], 30)


def test_due_webhooks_are_bounded_and_the_newest_come_first(processes: Processes) -> None:
    old, new = processes.ended(), [processes.ended() for _ in range(3)]
    processes.change(old, webhook__due_at=present(processes.webhook(old).due_at) - timedelta(hours=1))
    assert {due.submission_id for due in processes.outbox.due(3)} == {each.id for each in new}
    assert old.id in {due.submission_id for due in processes.outbox.due(10)}
    assert old.id not in {due.submission_id for due in processes.outbox.due(10, recent=True)}


@pytest.mark.parametrize("days", [0.1, 1, 3, 40])
def test_a_webhook_that_has_long_been_due_is_found(processes: Processes, days: float) -> None:
    submission = processes.ended()
    processes.change(submission, webhook__due_at=present(processes.webhook(submission).due_at) - timedelta(days=days))
    assert [due.submission_id for due in processes.outbox.due(10)] == [submission.id]
    assert days * 86_400 < WINDOWS_SECONDS[-1]


def test_an_unreadable_submission_is_postponed(processes: Processes) -> None:
    submission = processes.ended()
    processes.change(submission, state="odd")
    (due,) = processes.outbox.due(10)
    with pytest.raises(InvalidDocument):
        processes.outbox.claim(due, 60)
    assert processes.outbox.due(10) == []


def test_a_database_that_is_down_is_reported() -> None:
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


def test_a_sparse_index_serves_the_query(real: Processes, database: NamedDatabase) -> None:
    client, name = database
    real.outbox.prepare()
    indexes = client[name]["submissions"].index_information()
    (index,) = [each for each in indexes.values() if each["key"] == [("webhook.due_at", 1)]]
    assert index["sparse"]


def test_an_event_reaches_a_receiver_that_was_down_and_is_verified(real: Processes) -> None:
    """The first attempt fails. The receiver then starts and gets the event under the first attempt's id."""
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
        loop.join(PATIENCE)


def test_two_orchestrators_send_each_event_once(real: Processes) -> None:
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
            loop.join(PATIENCE)
        assert sorted(each.path for each in listening.received) == sorted(f"/{n}" for n in range(30))


def _until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds. Fails after 30 seconds."""
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")
