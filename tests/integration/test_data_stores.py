"""Lists, tombstones and expiry: the same behaviour in memory and on a real database, every query served by an index."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

import gateway.adapters.mongo.listing
import gateway.adapters.mongo.tombstones
import orchestrator.adapters.mongo.expiry
from contracts.errors import StoreUnavailable
from contracts.storage import layout, secantus
from contracts.submissions.documents import SCHEMA, Submission, to_document
from contracts.submissions.states import SubmissionState
from contracts.submissions.tombstones import TOMBSTONE_LIFETIME, GoneReason, Tombstone
from gateway.adapters.mongo import submissions as gateway_submissions
from gateway.adapters.mongo.secantus_windows import from_milliseconds, milliseconds, read_all, read_cursor, read_page
from gateway.submissions.listing import Filters
from orchestrator.maintenance.expiry import Expiry
from runtime.mongo import Database, Document, connect
from tests.support.databases import NamedDatabase
from tests.support.factories import NOW, make_submission
from tests.support.fake_data import MemoryListing, MemoryTombstones
from tests.support.fakes import FakeClock, MemoryStore
from tests.support.local_cluster import free_ports
from tests.support.present import present

SAMPLE_OF = secantus.SAMPLE_OF


class MemoryStores:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.listing = MemoryListing(self.store)
        self.tombstones = self.expiry_store = MemoryTombstones(self.store)

    def add(self, submissions: Iterable[Submission]) -> None:
        for each in submissions:
            self.store.documents[each.id] = to_document(each)

    def drop(self, submission: Submission) -> None:
        self.store.documents.pop(submission.id)

    def stored(self) -> set[str]:
        return set(self.store.documents)


class MongoStores:
    def __init__(self, client: MongoClient[Document], name: str) -> None:
        self.database = client[name]
        self.store = gateway_submissions.MongoSubmissions(Database(client, name))
        self.store.ping()
        self.listing = gateway.adapters.mongo.listing.MongoListing(Database(client, name))
        self.tombstones = gateway.adapters.mongo.tombstones.MongoTombstones(Database(client, name))
        self.expiry_store = orchestrator.adapters.mongo.expiry.MongoExpiryStore(Database(client, name))
        self.expiry_store.prepare()

    def add(self, submissions: Iterable[Submission]) -> None:
        documents = [to_document(each) for each in submissions]
        if documents:
            self.database[layout.SUBMISSIONS].insert_many(documents)

    def drop(self, submission: Submission) -> None:
        self.database[layout.SUBMISSIONS].delete_one({"_id": submission.id})

    def stored(self) -> set[str]:
        return {each["_id"] for each in self.database[layout.SUBMISSIONS].find({}, {"_id": 1})}


Stores = MemoryStores | MongoStores


@pytest.fixture(params=["memory", "mongo"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return MemoryStores()
    return MongoStores(*request.getfixturevalue("database"))


def make(rng: random.Random, age: int, **changes: Any) -> Submission:
    """A submission that is ``age`` milliseconds old, with a random state and metadata."""
    values: dict[str, Any] = {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created_at": NOW - timedelta(milliseconds=age),
        "state": rng.choice([SubmissionState.QUEUED, SubmissionState.FAILED]),
        "metadata": {"ward": rng.choice("ab"), "$where": "1"},
    }
    return make_submission(**(values | changes))


def newest_first(submissions: Iterable[Submission]) -> list[str]:
    return [each.id for each in sorted(submissions, key=lambda each: (each.created_at, each.id), reverse=True)]


def page_through(
    stores: Stores, filters: Filters, limit: int, between_pages: Callable[[], None] = lambda: None
) -> list[str]:
    place = None
    shown: list[str] = []
    for _ in range(500):
        items, following = read_page(stores.listing, filters, place, limit, NOW, SAMPLE_OF)
        shown += [each.id for each in items]
        if following is None:
            return shown
        place = read_cursor(following.cursor())
        between_pages()
    raise AssertionError("the pages never end")


def crowd(rng: random.Random, count: int = 300) -> list[Submission]:
    """Submissions with ties, a dense stretch, and gaps of hours and of years."""
    ages = [rng.choice([rng.randrange(5), rng.randrange(3000), rng.randrange(10**8), 10**11]) for _ in range(count)]
    return [make(rng, age) for age in ages]


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), lambda _: True),
        (Filters(state=SubmissionState.FAILED), lambda each: each.state is SubmissionState.FAILED),
        (Filters(metadata={"ward": "a"}), lambda each: each.metadata["ward"] == "a"),
        (Filters(workflow="digits", metadata={"ward": "b"}), lambda each: each.metadata["ward"] == "b"),
        (Filters(workflow="none"), lambda _: False),
        (
            Filters(created_after=NOW - timedelta(seconds=2), created_before=NOW - timedelta(milliseconds=1)),
            lambda each: timedelta(milliseconds=1) < NOW - each.created_at <= timedelta(seconds=2),
        ),
    ],
    ids=["all", "state", "metadata", "both", "nothing", "times"],
)
def test_pages_show_all_that_match_once_and_in_order(
    stores: Stores, filters: Filters, matches: Callable[[Submission], bool]
) -> None:
    submissions = crowd(random.Random(1))
    stores.add(submissions)
    assert page_through(stores, filters, 30) == newest_first(filter(matches, submissions))
    found = read_all(stores.listing, filters, 40, NOW, SAMPLE_OF)
    assert [each.id for each in found] == newest_first(filter(matches, submissions))


def test_changes_between_pages_neither_repeat_nor_hide_a_submission(stores: Stores) -> None:
    rng = random.Random(2)
    first = crowd(rng, 150)
    stores.add(first)
    going = first[::7]

    def meanwhile() -> None:
        stores.add([make(rng, rng.randrange(10**7)) for _ in range(5)])
        if going:
            stores.drop(going.pop())

    stays = [each for number, each in enumerate(first) if number % 7]
    shown = page_through(stores, Filters(), 10, meanwhile)
    assert len(set(shown)) == len(shown)
    ours = {each.id for each in stays}
    assert [key for key in shown if key in ours] == newest_first(stays)


def test_the_rows_of_one_millisecond_are_ordered_by_id(stores: Stores) -> None:
    rng = random.Random(3)
    tied = [make(rng, 5) for _ in range(40)]
    stores.add(tied)
    assert page_through(stores, Filters(), 7) == newest_first(tied)
    middle = newest_first(tied)[20]
    rows = stores.listing.at(milliseconds(NOW) - 5, middle, Filters(), 5)
    assert [row.id for row in rows] == newest_first(tied)[21:26]


def test_the_sample_is_of_the_window_and_its_newest(stores: Stores) -> None:
    inside = [make(random.Random(n), n * 1000, id="00" + str(uuid.uuid4())[2:]) for n in (3, 5, 7)]
    others = [make(random.Random(n), n * 1000, id="f0" + str(uuid.uuid4())[2:]) for n in (2, 4, 6)]
    stores.add([*inside, *others])
    now = milliseconds(NOW)
    assert stores.listing.sampled(0, now) == now - 3000
    assert stores.listing.sampled(now - 6000, now - 3000) == now - 5000
    assert stores.listing.sampled(now - 2500, now) is None
    assert from_milliseconds(now) == NOW


def test_an_unreadable_submission_is_a_row_without_a_submission(stores: Stores) -> None:
    stores.add([make(random.Random(4), 1, schema_version=SCHEMA + 1), make(random.Random(5), 2)])
    rows = stores.listing.between(0, milliseconds(NOW), Filters(), 10)
    assert [row.submission is None for row in rows] == [True, False]


def test_a_tombstone_is_found_until_it_is_replaced_or_tidied(stores: Stores) -> None:
    key, at = str(uuid.uuid4()), NOW
    assert stores.tombstones.find(key) is None
    stores.expiry_store.write_tombstones([Tombstone.of(key, GoneReason.EXPIRED, at)])
    stores.tombstones.write_tombstone(Tombstone.of(key, GoneReason.DELETED, at))
    stores.expiry_store.write_tombstones(
        [Tombstone.of(key, GoneReason.EXPIRED, at), Tombstone.of("other", GoneReason.EXPIRED, at)]
    )
    assert stores.tombstones.find(key) == Tombstone.of(key, GoneReason.DELETED, at)
    assert present(stores.tombstones.find("other")).reason is GoneReason.EXPIRED
    stores.expiry_store.tidy(at + TOMBSTONE_LIFETIME - timedelta(seconds=1))
    assert stores.tombstones.find(key) is not None
    stores.expiry_store.tidy(at + TOMBSTONE_LIFETIME)
    assert stores.tombstones.find(key) is None


def test_an_expired_submission_is_deleted_and_leaves_its_tombstone(stores: Stores) -> None:
    now = stores.expiry_store.now()
    gone, soon, later, ever = (
        make(random.Random(seconds), 0, expires_at=end)
        for seconds, end in [
            (1, now - timedelta(days=3)),
            (2, now + timedelta(seconds=40)),
            (3, now + timedelta(hours=1)),
            (4, None),
        ]
    )
    stores.add([gone, soon, later, ever])
    expiry = Expiry(stores.expiry_store, FakeClock())
    assert expiry.once() == 1
    assert stores.stored() == {soon.id, later.id, ever.id}
    assert abs(present(stores.tombstones.find(gone.id)).at - present(gone.expires_at)) < timedelta(milliseconds=1)
    assert stores.tombstones.find(soon.id) is not None
    assert stores.tombstones.find(later.id) is None
    assert expiry.once() == 0


def test_expired_images_and_tombstones_are_deleted(database: NamedDatabase) -> None:
    client, name = database
    stores = MongoStores(client, name)
    now = stores.expiry_store.now()
    for collection in (layout.IMAGES, layout.TOMBSTONES):
        documents: list[Document] = [
            {"_id": "old", "expires_at": now - timedelta(seconds=1)},
            {"_id": "ever"},
            {"_id": "young", "expires_at": now + timedelta(hours=1)},
        ]
        stores.database[collection].insert_many(documents)
    stores.expiry_store.tidy(now)
    for collection in (layout.IMAGES, layout.TOMBSTONES):
        assert {each["_id"] for each in stores.database[collection].find()} == {"ever", "young"}


def test_every_query_of_a_list_is_served_by_an_index(database: NamedDatabase) -> None:
    """A plan that scans is a fault on any path: a change of an index that causes one fails here.

    Without the filters: SecantusDB takes the window from the index with them too, and explains it as a scan.
    """
    client, name = database
    stores = MongoStores(client, name)
    stores.add(crowd(random.Random(6), 20))
    submissions = stores.database[layout.SUBMISSIONS]
    window = {layout.CREATED: {"$gte": from_milliseconds(0), "$lt": NOW}}
    newest = gateway.adapters.mongo.listing.NEWEST_FIRST
    for query, index in [
        (submissions.find(window).sort(newest).limit(5), "created_at_1"),
        (submissions.find(window | secantus.SAMPLE).limit(1), secantus.SAMPLE_INDEX),
        (submissions.find({"expires_at": {"$gt": NOW, "$lte": NOW}}), "expires_at_1"),
    ]:
        assert f"'{index}'" in str(query.explain()["queryPlanner"]["winningPlan"])


def test_a_database_that_is_down_is_reported_in_time() -> None:
    client = connect(f"mongodb://127.0.0.1:{free_ports(1)}", "tests", timeout_seconds=0.3)
    listing = gateway.adapters.mongo.listing.MongoListing(Database(client, "test"))
    tombstones = gateway.adapters.mongo.tombstones.MongoTombstones(Database(client, "test"))
    for call in (
        lambda: listing.between(0, 1, Filters(), 1),
        lambda: listing.at(0, "x", Filters(), 1),
        lambda: listing.sampled(0, 1),
        lambda: tombstones.find("x"),
        lambda: tombstones.write_tombstone(Tombstone.of("x", GoneReason.DELETED, NOW)),
    ):
        with pytest.raises(StoreUnavailable):
            call()
    client.close()
