"""Lists, tombstones and expiry: the same behaviour in memory and on a real database, every query served by an index."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta

import pytest

import gateway.adapters.mongo.listing
import gateway.adapters.mongo.tombstones
import orchestrator.adapters.mongo.expiry
from contracts.errors import StoreUnavailable
from contracts.storage import layout, secantus
from contracts.submissions.documents import SCHEMA, to_document
from contracts.submissions.states import SubmissionState
from contracts.submissions.tombstones import TOMBSTONE_LIFETIME, GoneReason, Tombstone
from gateway.adapters.mongo import submissions as gateway_submissions
from gateway.adapters.mongo.secantus_windows import from_milliseconds, milliseconds, read_all, read_cursor, read_page
from gateway.submissions.listing import Filters
from orchestrator.maintenance.expiry import Expiry
from runtime.mongo import Database, connect
from tests.support.factories import NOW, make_submission
from tests.support.fake_data import MemoryListing, MemoryTombstones
from tests.support.fakes import FakeClock, MemoryStore
from tests.support.local_cluster import free_ports

SAMPLE_OF = secantus.SAMPLE_OF


class Memory:
    def __init__(self):
        self.store = MemoryStore()
        self.listing = MemoryListing(self.store)
        self.tombstones = self.expiry_store = MemoryTombstones(self.store)

    def add(self, submissions):
        for each in submissions:
            self.store.documents[each.id] = to_document(each)

    def drop(self, submission):
        self.store.documents.pop(submission.id)

    def stored(self):
        return set(self.store.documents)


class Mongo:
    def __init__(self, client, name):
        self.database = client[name]
        self.store = gateway_submissions.MongoSubmissions(Database(client, name))
        self.store.ping()
        self.listing = gateway.adapters.mongo.listing.MongoListing(Database(client, name))
        self.tombstones = gateway.adapters.mongo.tombstones.MongoTombstones(Database(client, name))
        self.expiry_store = orchestrator.adapters.mongo.expiry.MongoExpiryStore(Database(client, name))
        self.expiry_store.prepare()

    def add(self, submissions):
        if submissions:
            self.database[layout.SUBMISSIONS].insert_many([to_document(each) for each in submissions])

    def drop(self, submission):
        self.database[layout.SUBMISSIONS].delete_one({"_id": submission.id})

    def stored(self):
        return {each["_id"] for each in self.database[layout.SUBMISSIONS].find({}, {"_id": 1})}


@pytest.fixture(params=["memory", "mongo"])
def kept(request):
    if request.param == "memory":
        return Memory()
    return Mongo(*request.getfixturevalue("database"))


def made(rng, age, **changes):
    """One of ``age`` milliseconds, with something to filter by."""
    values = {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created_at": NOW - timedelta(milliseconds=age),
        "state": rng.choice([SubmissionState.QUEUED, SubmissionState.FAILED]),
        "metadata": {"ward": rng.choice("ab"), "$where": "1"},
    }
    return make_submission(**(values | changes))


def newest_first(submissions):
    return [each.id for each in sorted(submissions, key=lambda each: (each.created_at, each.id), reverse=True)]


def page_through(kept, filters, limit, between_pages=lambda: None):
    place, shown = None, []
    for _ in range(500):
        page = read_page(kept.listing, filters, place, limit, NOW, SAMPLE_OF)
        shown += [each.id for each in page.items]
        if page.next is None:
            return shown
        place = read_cursor(page.next.cursor())
        between_pages()
    raise AssertionError("the pages never end")


def crowd(rng, count=300):
    """Ties, a dense stretch, gaps of hours and of years."""
    ages = [rng.choice([rng.randrange(5), rng.randrange(3000), rng.randrange(10**8), 10**11]) for _ in range(count)]
    return [made(rng, age) for age in ages]


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
def test_pages_show_all_that_match_once_and_in_order(kept, filters, matches):
    submissions = crowd(random.Random(1))
    kept.add(submissions)
    assert page_through(kept, filters, 30) == newest_first(filter(matches, submissions))
    found = read_all(kept.listing, filters, 40, NOW, SAMPLE_OF)
    assert [each.id for each in found] == newest_first(filter(matches, submissions))


def test_what_comes_and_goes_while_one_pages_neither_doubles_nor_hides_another(kept):
    rng = random.Random(2)
    first = crowd(rng, 150)
    kept.add(first)
    going = first[::7]

    def meanwhile():
        kept.add([made(rng, rng.randrange(10**7)) for _ in range(5)])
        if going:
            kept.drop(going.pop())

    stays = [each for number, each in enumerate(first) if number % 7]
    shown = page_through(kept, Filters(), 10, meanwhile)
    assert len(set(shown)) == len(shown)
    ours = {each.id for each in stays}
    assert [key for key in shown if key in ours] == newest_first(stays)


def test_the_rows_of_one_millisecond_come_by_their_ids(kept):
    rng = random.Random(3)
    tied = [made(rng, 5) for _ in range(40)]
    kept.add(tied)
    assert page_through(kept, Filters(), 7) == newest_first(tied)
    middle = newest_first(tied)[20]
    rows = kept.listing.at(milliseconds(NOW) - 5, middle, Filters(), 5)
    assert [row.id for row in rows] == newest_first(tied)[21:26]


def test_the_sample_is_of_the_window_and_its_newest(kept):
    inside = [made(random.Random(n), n * 1000, id="00" + str(uuid.uuid4())[2:]) for n in (3, 5, 7)]
    others = [made(random.Random(n), n * 1000, id="f0" + str(uuid.uuid4())[2:]) for n in (2, 4, 6)]
    kept.add([*inside, *others])
    now = milliseconds(NOW)
    assert kept.listing.sampled(0, now) == now - 3000
    assert kept.listing.sampled(now - 6000, now - 3000) == now - 5000
    assert kept.listing.sampled(now - 2500, now) is None
    assert from_milliseconds(now) == NOW


def test_what_cannot_be_read_has_its_place_and_no_submission(kept):
    kept.add([made(random.Random(4), 1, schema_version=SCHEMA + 1), made(random.Random(5), 2)])
    rows = kept.listing.between(0, milliseconds(NOW), Filters(), 10)
    assert [row.submission is None for row in rows] == [True, False]


def test_a_tombstone_is_found_until_it_is_replaced_or_tidied(kept):
    key, at = str(uuid.uuid4()), NOW
    assert kept.tombstones.find(key) is None
    kept.expiry_store.write_tombstones([Tombstone.of(key, GoneReason.EXPIRED, at)])
    kept.tombstones.write_tombstone(Tombstone.of(key, GoneReason.DELETED, at))
    kept.expiry_store.write_tombstones(
        [Tombstone.of(key, GoneReason.EXPIRED, at), Tombstone.of("other", GoneReason.EXPIRED, at)]
    )
    assert kept.tombstones.find(key) == Tombstone.of(key, GoneReason.DELETED, at)
    assert kept.tombstones.find("other").reason is GoneReason.EXPIRED
    kept.expiry_store.tidy(at + TOMBSTONE_LIFETIME - timedelta(seconds=1))
    assert kept.tombstones.find(key) is not None
    kept.expiry_store.tidy(at + TOMBSTONE_LIFETIME)
    assert kept.tombstones.find(key) is None


def test_what_has_expired_is_deleted_and_leaves_its_tombstone(kept):
    now = kept.expiry_store.now()
    gone, soon, later, ever = (
        made(random.Random(seconds), 0, expires_at=end)
        for seconds, end in [
            (1, now - timedelta(days=3)),
            (2, now + timedelta(seconds=40)),
            (3, now + timedelta(hours=1)),
            (4, None),
        ]
    )
    kept.add([gone, soon, later, ever])
    expiry = Expiry(kept.expiry_store, FakeClock())
    assert expiry.once() == 1
    assert kept.stored() == {soon.id, later.id, ever.id}
    assert abs(kept.tombstones.find(gone.id).at - gone.expires_at) < timedelta(milliseconds=1)
    assert kept.tombstones.find(soon.id) is not None
    assert kept.tombstones.find(later.id) is None
    assert expiry.once() == 0


def test_pictures_and_keys_go_with_their_time(database):
    client, name = database
    kept = Mongo(client, name)
    now = kept.expiry_store.now()
    for collection in (layout.IMAGES, layout.TOMBSTONES):
        kept.database[collection].insert_many(
            [{"_id": "old", "expires_at": now - timedelta(seconds=1)}, {"_id": "ever"}]
            + [{"_id": "young", "expires_at": now + timedelta(hours=1)}]
        )
    kept.expiry_store.tidy(now)
    for collection in (layout.IMAGES, layout.TOMBSTONES):
        assert {each["_id"] for each in kept.database[collection].find()} == {"ever", "young"}


def test_every_query_of_a_list_is_served_by_an_index(database):
    """A plan that scans is a fault on any path: whoever changes an index learns of it here.

    Without the filters: SecantusDB takes the window from the index with them too, and explains it as a scan.
    """
    client, name = database
    kept = Mongo(client, name)
    kept.add(crowd(random.Random(6), 20))
    submissions = kept.database[layout.SUBMISSIONS]
    window = {layout.CREATED: {"$gte": from_milliseconds(0), "$lt": NOW}}
    newest = gateway.adapters.mongo.listing.NEWEST_FIRST
    for query, index in [
        (submissions.find(window).sort(newest).limit(5), "created_at_1"),
        (submissions.find(window | secantus.SAMPLE).limit(1), secantus.SAMPLE_INDEX),
        (submissions.find({"expires_at": {"$gt": NOW, "$lte": NOW}}), "expires_at_1"),
    ]:
        assert f"'{index}'" in str(query.explain()["queryPlanner"]["winningPlan"])


def test_a_database_that_is_not_there_is_told_in_time():
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
