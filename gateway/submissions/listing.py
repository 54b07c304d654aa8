"""Lists: what is asked for, where a page goes on, and in which windows of time it is read. Pure but for its source.

Newest first, by ``created_at`` and ``_id``: who comes while somebody pages has a place before all that was shown, and
nothing moves. A database that sorts and limits after it has read (SecantusDB does) is asked for windows of time only.
They begin narrow and widen until the page is full; before a wide one, a sample of the submissions tells how much of it
to take, so that the cost of a page depends neither on what is stored nor on how it is spread.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from contracts.errors import InvalidRequest
from contracts.submissions.documents import Submission, is_submission_id
from contracts.submissions.states import SubmissionState
from gateway.submissions.retention import expired

MOST_LOOKED_AT = 2048
"""About so many submissions are looked at for one page. What matches rarely then comes in short pages."""

MOST_WINDOWS = 40
"""Windows read for one page at most. Eighteen, each four times as wide, reach from now to 1970."""

FIRST_WIDTH = 250
"""Milliseconds. Also what is read without asking how dense it is: at 500 submissions a second some 125."""

LEAST_WIDTH = 50
SAME = 16
"""Submissions of the place's own millisecond that are read once more, rather than asked for by themselves."""

LATEST = timedelta(seconds=60)
"""Clocks of other gateways may be ahead of ours by so much."""

_CURSOR = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_WRONG = "The cursor is none of ours. Take it from the answer's 'next' as it is, or leave it out to begin anew."


def milliseconds(time: datetime) -> int:
    """Return the milliseconds since 1970, which is how the database keeps times."""
    return (time - _EPOCH) // _MILLISECOND


def moment(count: int) -> datetime:
    return _EPOCH + count * _MILLISECOND


@dataclass(frozen=True)
class Filters:
    """What is listed: ``created_after`` (included) until ``created_before`` (excluded), and every value as given."""

    state: SubmissionState | None = None
    workflow: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def floor(self) -> int:
        """The first millisecond that belongs to the list."""
        return 0 if self.created_after is None else max(0, _ceiling(self.created_after))

    @property
    def ceiling(self) -> int:
        """The first millisecond after those that belong to the list."""
        return _END if self.created_before is None else _ceiling(self.created_before)


def _ceiling(time: datetime) -> int:
    """Return the first whole millisecond that is not before ``time``."""
    return -((_EPOCH - time) // _MILLISECOND)


@dataclass(frozen=True)
class Place:
    """Where a list goes on: before ``at``, and at ``at`` (milliseconds) itself with ids below ``below``.

    ``width``: how wide the next window is, in milliseconds.
    """

    at: int
    below: str = ""
    width: int = FIRST_WIDTH

    def cursor(self) -> str:
        content = json.dumps([_CURSOR, self.at, self.below, self.width], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Place:
    """Raises InvalidRequest."""
    try:
        content = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidRequest(_WRONG) from error
    match content:
        case [int(version), int(at), str(below), int(width)] if version == _CURSOR and 0 <= at <= _END:
            if not below or is_submission_id(below):
                return Place(at, below, max(LEAST_WIDTH, min(width, _END)))
    raise InvalidRequest(_WRONG)


@dataclass(frozen=True)
class Row:
    """A stored submission's place, and the submission where this release can read it."""

    at: int
    id: str
    submission: Submission | None


class Source(Protocol):
    """Where lists are read. Rows come newest first, ids descending. Every method raises StoreUnavailable."""

    def between(self, low: int, high: int, filters: Filters, limit: int) -> Sequence[Row]:
        """Return the newest ``limit`` of those that match, created in [low, high)."""

    def at(self, time: int, below: str, filters: Filters, limit: int) -> Sequence[Row]:
        """Return those of one millisecond with ids below ``below``."""

    def sampled(self, low: int, high: int) -> int | None:
        """Return when the newest of a random sample (one in SAMPLE_OF) of what was created in [low, high) was."""


@dataclass(frozen=True)
class Page:
    items: list[Submission]
    next: Place | None


def read_page(source: Source, filters: Filters, place: Place | None, limit: int, now: datetime, sample_of: int) -> Page:
    """Return at most ``limit`` submissions and where to go on; fewer than that are not the end, no ``next`` is."""
    present = milliseconds(now)
    floor = filters.floor
    high, below, width = milliseconds(now + LATEST), "", FIRST_WIDTH
    if place is not None:
        high, below, width = place.at, place.below, place.width
    if high >= filters.ceiling:
        high, below = filters.ceiling, ""
    if high < floor:
        below = ""
    found: list[tuple[Submission, int]] = []
    looked = windows = 0
    while len(found) <= limit and (high > floor or below) and looked < MOST_LOOKED_AT and windows < MOST_WINDOWS:
        wanted = limit + 1 - len(found)
        low = max(floor, min(high, present) - width)
        width *= 4
        near = source.sampled(low, high) if min(high, present) - low > FIRST_WIDTH else None
        if near is not None:
            low = max(low, min(near, high - FIRST_WIDTH))
            width = max(LEAST_WIDTH, 2 * (high - low))
        rows, reached = _before(source, low, Place(high, below), filters, wanted)
        looked += max(len(rows), sample_of if near is not None else 0)
        windows += 1
        found += [(each.submission, each.at) for each in rows if each.submission and not expired(each.submission, now)]
        high, below = (rows[-1].at, rows[-1].id) if len(rows) >= wanted else (reached, "")
    items = [submission for submission, _ in found[:limit]]
    if len(found) > limit:
        spread = found[0][1] - found[limit - 1][1]
        # A quarter more than this page took: the next one is then mostly read at once, and little of it for nothing.
        return Page(items, Place(found[limit - 1][1], items[-1].id, max(LEAST_WIDTH, spread * 5 // 4)))
    return Page(items, Place(high, below, width) if high > floor or below else None)


def _before(source: Source, low: int, place: Place, filters: Filters, wanted: int) -> tuple[Sequence[Row], int]:
    """Return the newest ``wanted`` rows before the place, or more, and until which millisecond all were looked at."""
    if not place.below:
        return source.between(low, place.at, filters, wanted), low
    # One query for the place's own millisecond too: few share it, and what was shown of them already is dropped here.
    most = wanted + SAME
    rows = source.between(low, place.at + 1, filters, most)
    fresh = [each for each in rows if each.at < place.at or each.id < place.below]
    if len(rows) < most or len(fresh) >= wanted:
        return fresh, low
    # Cut off before there were enough: that millisecond holds many, and is asked for by itself.
    return source.at(place.at, place.below, filters, wanted), place.at


def read_all(source: Source, filters: Filters, batch: int, now: datetime, sample_of: int) -> Iterator[Submission]:
    """Yield all that match and were there at ``now``, page by page, each read when it is asked for."""
    place: Place | None = None
    while True:
        page = read_page(source, filters, place, batch, now, sample_of)
        yield from page.items
        if page.next is None:
            return
        place = page.next
