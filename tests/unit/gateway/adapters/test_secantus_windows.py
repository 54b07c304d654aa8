"""Pages show each stored submission once, newest first, at a bounded cost, also while others are added."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRequest
from contracts.storage.secantus import SAMPLE_OF
from contracts.submissions.documents import SCHEMA, Submission
from contracts.submissions.states import SubmissionState
from gateway.adapters.mongo.secantus_windows import (
    MAX_EXAMINED,
    MAX_WINDOWS,
    MIN_WIDTH,
    Position,
    from_milliseconds,
    milliseconds,
    read_all,
    read_cursor,
    read_page,
)
from gateway.submissions.listing import Filters
from tests.support.factories import NOW, make_submission
from tests.support.fake_data import MemoryListing
from tests.support.fakes import MemoryStore

# Milliseconds before NOW: crowds, ties, gaps of days, and years.
AGES = st.one_of(st.integers(0, 20), st.integers(0, 5_000), st.integers(0, 10**9), st.integers(0, 10**12))
STATES = st.sampled_from([SubmissionState.QUEUED, SubmissionState.SUCCEEDED])
STORED = st.lists(st.tuples(AGES, STATES, st.sampled_from("ab")), max_size=25)
Stored = tuple[int, SubmissionState, str]


def add(
    store: MemoryStore, age: int, state: SubmissionState = SubmissionState.QUEUED, ward: str = "a", **changes: Any
) -> Submission:
    values: dict[str, Any] = {
        "created_at": NOW - timedelta(milliseconds=age),
        "state": state,
        "metadata": {"ward": ward},
    } | changes
    submission = make_submission(**values | changes)
    store.accept(submission, b"")
    return submission


def page_through(
    source: MemoryListing, filters: Filters, limit: int, between_pages: Callable[[], object] = lambda: None
) -> list[str]:
    place: Position | None = None
    shown: list[str] = []
    for _ in range(1000):
        items, following = read_page(source, filters, place, limit, NOW, SAMPLE_OF)
        assert len(items) <= limit
        shown += [each.id for each in items]
        if following is None:
            return shown
        place = read_cursor(following.cursor())
        between_pages()
    raise AssertionError("the pages never end")


def newest_first(submissions: Iterable[Submission]) -> list[str]:
    return [each.id for each in sorted(submissions, key=lambda each: (each.created_at, each.id), reverse=True)]


@pytest.mark.parametrize("limit", [1, 7, 30])
def test_more_of_one_millisecond_than_a_page_holds_are_shown_once_and_in_order(limit: int) -> None:
    store = MemoryStore()
    crowd = [add(store, 10) for _ in range(60)]
    others = [add(store, age) for age in (0, 9, 11, 5_000)]
    assert page_through(MemoryListing(store), Filters(), limit) == newest_first([*crowd, *others])


@given(stored=STORED, limit=st.integers(1, 7), state=st.none() | STATES, ward=st.none() | st.sampled_from("ab"))
def test_pages_show_all_that_match_once_and_in_order(
    stored: list[Stored], limit: int, state: SubmissionState | None, ward: str | None
) -> None:
    store = MemoryStore()
    added = [add(store, *each) for each in stored]
    filters = Filters(state=state, metadata={} if ward is None else {"ward": ward})
    wanted = [each for each in added if state in {None, each.state} and ward in {None, each.metadata["ward"]}]
    assert page_through(MemoryListing(store), filters, limit) == newest_first(wanted)


@given(stored=STORED, added=STORED, limit=st.integers(1, 5), removed=st.sets(st.integers(0, 24)))
def test_additions_and_deletions_between_pages_neither_repeat_nor_hide_another(
    stored: list[Stored], added: list[Stored], limit: int, removed: set[int]
) -> None:
    store = MemoryStore()
    first = [add(store, *each) for each in stored]
    coming = iter(added)
    going = iter(sorted(removed))

    def meanwhile() -> None:
        if (each := next(coming, None)) is not None:
            add(store, *each)
        if (index := next(going, 25)) < len(first):
            store.documents.pop(first[index].id)

    shown = page_through(MemoryListing(store), Filters(), limit, meanwhile)
    assert len(set(shown)) == len(shown)
    remaining = [each for number, each in enumerate(first) if number not in removed]
    assert {each.id for each in remaining} <= set(shown)
    assert [key for key in shown if key in {each.id for each in remaining}] == newest_first(remaining)


@given(stored=STORED, after=AGES, before=AGES, micro=st.integers(0, 999))
def test_times_bound_a_list_from_the_first_until_before_the_second(
    stored: list[Stored], after: int, before: int, micro: int
) -> None:
    store = MemoryStore()
    added = [add(store, *each) for each in stored]
    begin = NOW - timedelta(milliseconds=after) - timedelta(microseconds=micro)
    end = NOW - timedelta(milliseconds=before) - timedelta(microseconds=micro)
    filters = Filters(created_after=begin, created_before=end)
    wanted = [each for each in added if begin <= each.created_at < end]
    assert page_through(MemoryListing(store), filters, 3) == newest_first(wanted)


@given(stored=STORED, batch=st.integers(1, 9))
def test_an_export_reads_all_in_the_same_order(stored: list[Stored], batch: int) -> None:
    store = MemoryStore()
    added = [add(store, *each) for each in stored]
    found = read_all(MemoryListing(store), Filters(), batch, NOW, SAMPLE_OF)
    assert [each.id for each in found] == newest_first(added)


@given(
    at=st.integers(0, milliseconds(datetime(9999, 1, 1, tzinfo=UTC))),
    below=st.just("") | st.uuids(version=4).map(str),
    width=st.integers(MIN_WIDTH, 10**12),
)
def test_a_cursor_is_read_as_it_was_written(at: int, below: str, width: int) -> None:
    cursor = Position(at, below, width).cursor()
    assert read_cursor(cursor) == Position(at, below, width)
    assert cursor.isascii()
    assert not set(cursor) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@given(st.text(max_size=60))
def test_any_other_text_is_refused_as_a_cursor_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not a cursor"):
        read_cursor(text)


@pytest.mark.parametrize(
    "content",
    [
        '[2,1,"",250]',
        '[1,-1,"",250]',
        '[1,1,"x",250]',
        '[1,1,"",250,1]',
        '[1,1e9,"",250]',
        "{}",
        "[[[",
        '[1,1,"\\ud800",1]',
    ],
)
def test_a_malformed_cursor_is_refused(content: str) -> None:
    import base64

    with pytest.raises(InvalidRequest):
        read_cursor(base64.urlsafe_b64encode(content.encode()).decode().rstrip("="))


def test_a_cursors_width_cannot_ask_for_everything_at_once() -> None:
    place = read_cursor(Position(5, "", 10**30).cursor())
    assert place.width <= milliseconds(datetime(9999, 1, 1, tzinfo=UTC))


def test_from_milliseconds_and_milliseconds_are_inverse_functions() -> None:
    assert from_milliseconds(milliseconds(NOW)) == NOW


def crowd(store: MemoryStore, count: int, age: int, step: int) -> None:
    """Ids are spread evenly, so that every SAMPLE_OF-th is in the sample. Copies of one document, to be quick."""
    model = add(store, age)
    document = store.documents.pop(model.id)
    for number in range(count):
        key = f"{number * 7 % 256:02x}" + str(uuid.uuid4())[2:]
        created_at = model.created_at - timedelta(milliseconds=number * step)
        store.documents[key] = document | {"_id": key, "created_at": created_at}


def test_a_crowd_behind_a_long_gap_is_not_read_whole() -> None:
    store = MemoryStore()
    add(store, 5)
    crowd(store, 6000, age=8 * 3600 * 1000, step=2)
    source = MemoryListing(store)
    items, _ = read_page(source, Filters(), None, 50, NOW, SAMPLE_OF)
    assert len(items) == 50
    assert source.looked <= 2 * SAMPLE_OF
    assert source.asked <= 2 * MAX_WINDOWS


def test_what_matches_rarely_comes_in_short_pages_of_bounded_work() -> None:
    store = MemoryStore()
    crowd(store, 12_000, age=10, step=10)
    wanted = add(store, 11_999 * 10 + 500, state=SubmissionState.FAILED)
    source = MemoryListing(store)
    place: Position | None = None
    shown: list[Submission] = []
    pages = 0
    while True:
        before = source.looked
        items, place = read_page(source, Filters(state=SubmissionState.FAILED), place, 50, NOW, SAMPLE_OF)
        assert source.looked - before <= MAX_EXAMINED + 2 * SAMPLE_OF
        shown += items
        pages += 1
        if place is None:
            break
    assert [each.id for each in shown] == [wanted.id]
    assert pages >= 3


def test_the_end_is_reached_in_few_calls() -> None:
    source = MemoryListing(MemoryStore())
    items, following = read_page(source, Filters(), None, 50, NOW, SAMPLE_OF)
    assert (items, following) == ([], None)
    assert source.asked <= 40


def test_an_expired_submission_is_not_listed_before_it_is_deleted() -> None:
    store = MemoryStore()
    gone = [add(store, age, expires_at=NOW) for age in (1, 2, 3)]
    there = add(store, 4, expires_at=NOW + timedelta(milliseconds=1))
    assert page_through(MemoryListing(store), Filters(), 2) == [there.id]
    assert gone


def test_a_document_of_a_newer_release_hides_no_other() -> None:
    store = MemoryStore()
    for age in range(5):
        add(store, age, schema_version=SCHEMA + 1)
    ours = [add(store, age) for age in (0, 3, 4, 9)]
    assert page_through(MemoryListing(store), Filters(), 2) == newest_first(ours)
