"""Which writes are in the journal when they return, in which order they are made, and what serves a query.

A client's command monitor records what the driver sends to the real database.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from contracts.models.status import ServedModel
from contracts.storage import layout, secantus
from contracts.submissions.documents import Artifact, ModelRef, Submission, Webhook, WebhookAttempt
from contracts.submissions.states import ServedState, SubmissionState
from contracts.submissions.tombstones import GoneReason, Tombstone
from contracts.workflows import changes
from contracts.workflows.registry import Actor, WorkflowRecord, empty_record
from gateway.adapters.mongo.idempotency_keys import MongoIdempotencyStore
from gateway.adapters.mongo.lifecycle import MongoLifecycleStore
from gateway.adapters.mongo.submissions import MongoSubmissions as FrontSubmissions
from gateway.adapters.mongo.tombstones import MongoTombstones
from gateway.adapters.mongo.webhook_replays import MongoWebhookReplays
from gateway.submissions.ports import Deletion, RequestKey
from orchestrator.adapters.mongo.model_status import MongoServedModels
from orchestrator.adapters.mongo.submissions import MongoSubmissions as BackSubmissions
from orchestrator.adapters.mongo.webhook_outbox import MongoOutbox
from orchestrator.ports import Claim, Progress
from orchestrator.webhooks.ports import DueWebhook
from orchestrator.webhooks.schedule import Delivered
from runtime.mongo import Database, Document
from runtime.registry_store import MongoRegistryStore
from tests.support.databases import NamedDatabase
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.support.present import present

MASK = Artifact(name="mask.png", media_type="image/png", bytes=3)
URL = "https://receiver.example/"


class Sent(CommandListener):
    """The commands to collections: (name, collection, whether it is acknowledged once a majority has journaled it)."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str, bool]] = []

    def started(self, event: CommandStartedEvent) -> None:
        name = event.command_name
        if isinstance(event.command.get(name), str):
            concern = event.command.get("writeConcern", {})
            journaled = (concern.get("w"), concern.get("j")) == ("majority", True)
            self.commands.append((name, event.command[name], journaled))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing is recorded."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing is recorded."""


class Stores:
    def __init__(self, client: MongoClient[Document], name: str, sent: Sent) -> None:
        self.sent = sent
        self.documents = client[name]
        opened = self.opened = Database(client, name)
        self.front, self.back = FrontSubmissions(opened), BackSubmissions(opened)
        self.lifecycle, self.keys = MongoLifecycleStore(opened), MongoIdempotencyStore(opened)
        self.outbox, self.replays = MongoOutbox(opened), MongoWebhookReplays(opened)
        self.tombstones, self.registry = MongoTombstones(opened), MongoRegistryStore(opened)
        self.served = MongoServedModels(opened)

    def new_record(self) -> WorkflowRecord:
        """Return the next document of a workflow that is not published yet."""
        actor = Actor("api", NOW)
        return present(changes.publish(empty_record("default", "gated"), make_workflow(GATED), actor))

    def accepted(self, **changes: Any) -> Submission:
        submission = make_submission(make_workflow(GATED), **changes)
        self.front.accept(submission, b"image bytes")
        return submission

    def claimed(self, lease_seconds: float = 60.0) -> tuple[Submission, Claim]:
        submission = self.accepted()
        claim = present(self.back.claim(submission, "owner", lease_seconds, Progress(submission.steps)))
        return present(self.back.read(submission.id)), claim

    def ended(self) -> Submission:
        webhook = Webhook(url=URL, due_at=self.opened.now())
        submission = self.accepted(state=SubmissionState.FAILED, due_at=None, webhook=webhook)
        return present(self.back.read(submission.id))


@pytest.fixture
def stores(database: NamedDatabase, addresses: dict[str, str]) -> Iterator[Stores]:
    _, name = database
    sent = Sent()
    url = addresses["SHOWCASE_MONGO_URL"]
    with MongoClient[Document](url, tz_aware=True, timeoutMS=10_000, event_listeners=[sent]) as client:
        yield Stores(client, name, sent)


Call = Callable[[Stores], Callable[[], object]]
"""Prepares a write, and returns it to be made alone."""


def of_claim(write: Callable[[Stores, Submission, Claim], object], lease_seconds: float = 60.0) -> Call:
    def prepare(stores: Stores) -> Callable[[], object]:
        submission, claim = stores.claimed(lease_seconds)
        return lambda: write(stores, submission, claim)

    return prepare


def of_one(write: Callable[[Stores, Submission], object], state: str = "queued") -> Call:
    def prepare(stores: Stores) -> Callable[[], object]:
        submission = stores.accepted() if state == "queued" else stores.ended()
        return lambda: write(stores, submission)

    return prepare


def deliver(stores: Stores, submission: Submission) -> None:
    attempt = WebhookAttempt(id="msg", started_at=NOW, ended_at=NOW, status=204)
    stores.outbox.record(submission, attempt, Delivered())


ON_DISK: dict[str, tuple[str, Call]] = {
    "accept": (
        layout.SUBMISSIONS,
        lambda stores: lambda: stores.front.accept(make_submission(make_workflow(GATED)), b"x"),
    ),
    "accept once": (
        layout.SUBMISSIONS,
        lambda stores: lambda: stores.keys.accept_once(make_submission(make_workflow(GATED)), b"x"),
    ),
    "claim": (
        layout.SUBMISSIONS,
        of_one(lambda stores, one: present(stores.back.claim(one, "owner", 60, Progress(one.steps)))),
    ),
    "checkpoint": (
        layout.SUBMISSIONS,
        of_claim(lambda stores, one, claim: stores.back.checkpoint(claim, Progress(one.steps))),
    ),
    "succeed": (
        layout.SUBMISSIONS,
        of_claim(lambda stores, one, claim: stores.back.succeed(claim, Progress(one.steps), {})),
    ),
    "fail": (
        layout.SUBMISSIONS,
        of_claim(lambda stores, one, claim: stores.back.fail(claim, Progress(one.steps), "x")),
    ),
    "defer": (
        layout.SUBMISSIONS,
        of_claim(lambda stores, one, claim: stores.back.defer(claim, Progress(one.steps), "x", 1)),
    ),
    "take back": (layout.SUBMISSIONS, of_claim(lambda stores, one, _: stores.back.take_back(one, 1), -1.0)),
    "poison": (layout.SUBMISSIONS, of_claim(lambda stores, one, _: stores.back.fail_as_poison(one, "x"), -1.0)),
    "cancel": (layout.SUBMISSIONS, of_one(lambda stores, one: stores.lifecycle.cancel(one, "x", NOW))),
    "retry": (layout.SUBMISSIONS, of_one(lambda stores, one: stores.lifecycle.retry(one, 0, 5, NOW), "failed")),
    "remove": (layout.SUBMISSIONS, of_one(lambda stores, one: stores.lifecycle.remove(one), "failed")),
    "tombstone of a deletion": (
        layout.TOMBSTONES,
        lambda stores: lambda: stores.lifecycle.write_tombstone(Deletion("x", ("input",)), NOW),
    ),
    "end of a deletion": (layout.TOMBSTONES, lambda stores: lambda: stores.lifecycle.clear(Deletion("x", ("input",)))),
    "tombstone": (
        layout.TOMBSTONES,
        lambda stores: lambda: stores.tombstones.write_tombstone(Tombstone.of("x", GoneReason.DELETED, NOW)),
    ),
    "publish": (
        layout.CATALOGUE,
        lambda stores: functools.partial(stores.registry.write, stores.new_record()),
    ),
    "alias": (
        layout.AUDIT,
        lambda stores: lambda: stores.registry.append_audit(stores.new_record().unlogged),
    ),
    "model status": (
        layout.SERVED_MODELS,
        lambda stores: (
            lambda: stores.served.report(
                [ServedModel(ModelRef(name="m", version="1.0.0"), "http://m", ServedState.ANSWERING, NOW)]
            )
        ),
    ),
    "delivery of a webhook": (layout.SUBMISSIONS, of_one(deliver, "failed")),
    "drop of a webhook": (layout.SUBMISSIONS, of_one(lambda stores, one: stores.outbox.drop(one), "failed")),
    "replay of a webhook": (
        layout.SUBMISSIONS,
        of_one(lambda stores, one: stores.replays.replay(one), "failed"),
    ),
}
"""Everything that a client is told of, or that another process relies on, by the collection of its last write."""

WRITES = {"insert", "update", "delete", "findAndModify"}


@pytest.mark.parametrize("name", ON_DISK)
def test_what_others_rely_on_is_in_the_journal_when_the_write_returns(stores: Stores, name: str) -> None:
    collection, prepare = ON_DISK[name]
    write = prepare(stores)
    stores.sent.commands.clear()
    write()
    written = [each for each in stores.sent.commands if each[0] in WRITES]
    assert written, "nothing was written"
    assert written[-1][1:] == (collection, True)


IN_NO_HURRY: dict[str, Call] = {
    "renew": of_claim(lambda stores, _, claim: stores.back.renew(claim, 60)),
    "mark published": of_one(lambda stores, one: stores.front.mark_published([one.id])),
    "mark republished": of_one(lambda stores, one: stores.back.mark_republished(one, 30)),
    "postpone": of_one(lambda stores, one: stores.back.postpone(one, 30)),
    "postpone all": of_one(lambda stores, one: stores.back.postpone_all([one], 30)),
    "artifact": of_claim(lambda stores, one, claim: stores.back.save_artifact(claim, one, MASK, b"png")),
    "key": lambda stores: lambda: stores.keys.claim(RequestKey("k", "f", "id", NOW + timedelta(days=1))),
    "claim of a webhook": of_one(
        lambda stores, one: stores.outbox.claim(DueWebhook(one.id, URL, present(present(one.webhook).due_at)), 60),
        "failed",
    ),
}
"""Writes that a journaled one follows, or whose loss costs a look more: a flush for each would slow everything down."""


@pytest.mark.parametrize("name", IN_NO_HURRY)
def test_what_costs_nothing_when_it_is_lost_waits_for_no_flush(stores: Stores, name: str) -> None:
    write = IN_NO_HURRY[name](stores)
    stores.sent.commands.clear()
    write()
    written = [each for each in stores.sent.commands if each[0] in WRITES]
    assert [journaled for _, _, journaled in written] == [False]


@pytest.mark.parametrize("name", ["accept", "accept once"])
def test_a_submission_is_written_after_its_picture(stores: Stores, name: str) -> None:
    write = ON_DISK[name][1](stores)
    stores.sent.commands.clear()
    write()
    assert [each[:2] for each in stores.sent.commands] == [("insert", layout.IMAGES), ("insert", layout.SUBMISSIONS)]


def test_a_deletion_removes_the_pictures_before_it_is_complete(stores: Stores) -> None:
    stores.lifecycle.clear(Deletion("x", ("input", "mask.png")))
    assert [each[:2] for each in stores.sent.commands] == [
        ("delete", layout.IMAGES),
        ("delete", layout.IMAGES),
        ("update", layout.TOMBSTONES),
    ]


def test_a_ping_reads(stores: Stores) -> None:
    """A server whose storage hangs still says hello."""
    stores.front.ping()
    assert [each[:2] for each in stores.sent.commands] == [("find", layout.SUBMISSIONS)]


def test_every_query_of_a_maintenance_pass_is_served_by_an_index(stores: Stores) -> None:
    stores.opened.prepare()
    stores.claimed()
    stores.ended()
    submissions, tombstones = stores.documents[layout.SUBMISSIONS], stores.documents[layout.TOMBSTONES]
    for query, index in [
        (submissions.find({"due_at": {"$lt": NOW}}), "due_at_1"),
        (submissions.find({"webhook.due_at": {"$gte": NOW, "$lt": NOW}}), "webhook.due_at_1"),
        (tombstones.find({"due_at": {"$lt": NOW}}), "due_at_1"),
        *(
            (stores.documents[each].find({"expires_at": {"$lte": NOW}}), "expires_at_1")
            for each in (layout.SUBMISSIONS, layout.IMAGES, layout.IDEMPOTENCY_KEYS, layout.TOMBSTONES)
        ),
    ]:
        assert f"'{index}'" in str(query.explain()["queryPlanner"]["winningPlan"])


def test_an_index_holds_what_it_is_for_and_no_more(stores: Stores) -> None:
    """What a sparse or a partial index leaves out costs an insertion nothing, and a query of it finds nothing else."""
    stores.opened.prepare()
    made = stores.documents[layout.SUBMISSIONS].index_information()
    assert made[secantus.SAMPLE_INDEX]["partialFilterExpression"] == secantus.SAMPLE
    assert made["due_at_1"]["sparse"]
    assert made["webhook.due_at_1"]["sparse"]
    assert stores.documents[layout.TOMBSTONES].index_information()["due_at_1"]["sparse"]
