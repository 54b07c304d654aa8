"""Lists on a database that sorts and limits only after it has read, such as SecantusDB. Pure except for its source.

A sorted query with a limit would read every stored submission. So a page is read in windows of ``created_at``, which
begin narrow and widen until the page is full. Before a wide window, a sample of the submissions shows how much of it to
read. The cost of a page depends neither on the number of submissions nor on their distribution over time.
docs/decisions/0003-list-windows.md gives the figures; a real MongoDB answers the same queries from its index.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from contracts.errors import InvalidRequest
from contracts.storage.secantus import SAMPLE_OF
from contracts.submissions.documents import Submission, is_submission_id
from gateway.submissions.listing import Filters, Page
from gateway.submissions.retention import expired

MAX_EXAMINED = 2048
"""About how many submissions one page may examine. A filter that matches rarely therefore gives short pages."""

MAX_WINDOWS = 40
"""The most windows that one page may read. Eighteen, each four times as wide as the last, reach from now to 1970."""

FIRST_WIDTH = 250
"""In milliseconds. A window of up to this width is read without a sample; at 500 submissions per second it has 125."""

MIN_WIDTH = 50
SAME_MILLISECOND_ROWS = 16
"""How many submissions of the position's own millisecond may be read again before that needs a query of its own."""

MAX_CLOCK_SKEW = timedelta(seconds=60)
"""How far the clocks of other gateways may be ahead of this one."""

_CURSOR_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_INVALID_CURSOR = (
    "This is not a cursor of this API. Use the 'next' of a response unchanged, or omit it to start from the beginning."
)


def milliseconds(time: datetime) -> int:
    """Return the milliseconds since 1970, the database's representation of times."""
    return (time - _EPOCH) // _MILLISECOND


def from_milliseconds(count: int) -> datetime:
    return _EPOCH + count * _MILLISECOND


def bounds(filters: Filters) -> tuple[int, int]:
    """Return the first millisecond that belongs to the list, and the first one after its end."""
    floor = 0 if filters.created_after is None else max(0, _ceiling(filters.created_after))
    return floor, _END if filters.created_before is None else _ceiling(filters.created_before)


def _ceiling(time: datetime) -> int:
    """Return the first whole millisecond that is not before ``time``."""
    return -((_EPOCH - time) // _MILLISECOND)


@dataclass(frozen=True)
class Position:
    """Where a list continues: before ``at`` (milliseconds), and at ``at`` itself with ids below ``below``.

    ``width`` is the width of the next window, in milliseconds.
    """

    at: int
    below: str = ""
    width: int = FIRST_WIDTH

    def cursor(self) -> str:
        content = json.dumps([_CURSOR_VERSION, self.at, self.below, self.width], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Position:
    """Raises InvalidRequest."""
    try:
        content = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidRequest(_INVALID_CURSOR) from error
    match content:
        case [int(version), int(at), str(below), int(width)] if version == _CURSOR_VERSION and 0 <= at <= _END:
            if not below or is_submission_id(below):
                return Position(at, below, max(MIN_WIDTH, min(width, _END)))
    raise InvalidRequest(_INVALID_CURSOR)


@dataclass(frozen=True)
class Row:
    """A stored submission's time and id, and the submission itself if this release can read it."""

    at: int
    id: str
    submission: Submission | None


class Source(Protocol):
    """The source of the lists. Rows come newest first, ids descending. Every method raises StoreUnavailable."""

    def between(self, low: int, high: int, filters: Filters, limit: int) -> Sequence[Row]:
        """Return the newest ``limit`` matching rows that were created in [low, high)."""

    def at(self, time: int, below: str, filters: Filters, limit: int) -> Sequence[Row]:
        """Return the matching rows of one millisecond with ids below ``below``."""

    def sampled(self, low: int, high: int) -> int | None:
        """Return the newest creation time in [low, high) among a random sample of one submission in SAMPLE_OF."""


def read_page(
    source: Source, filters: Filters, position: Position | None, limit: int, now: datetime, sample_of: int
) -> tuple[list[Submission], Position | None]:
    """Return at most ``limit`` submissions and where the list continues, None at its end. A short page is no end."""
    present = milliseconds(now)
    floor, ceiling = bounds(filters)
    high, below, width = milliseconds(now + MAX_CLOCK_SKEW), "", FIRST_WIDTH
    if position is not None:
        high, below, width = position.at, position.below, position.width
    if high >= ceiling:
        high, below = ceiling, ""
    if high < floor:
        below = ""
    found: list[tuple[Submission, int]] = []
    examined = windows = 0
    while len(found) <= limit and (high > floor or below) and examined < MAX_EXAMINED and windows < MAX_WINDOWS:
        wanted = limit + 1 - len(found)
        low = max(floor, min(high, present) - width)
        width *= 4
        newest_sampled = source.sampled(low, high) if min(high, present) - low > FIRST_WIDTH else None
        if newest_sampled is not None:
            low = max(low, min(newest_sampled, high - FIRST_WIDTH))
            width = max(MIN_WIDTH, 2 * (high - low))
        rows, reached = _rows_before(source, low, Position(high, below), filters, wanted)
        examined += max(len(rows), sample_of if newest_sampled is not None else 0)
        windows += 1
        found += [(each.submission, each.at) for each in rows if each.submission and not expired(each.submission, now)]
        high, below = (rows[-1].at, rows[-1].id) if len(rows) >= wanted else (reached, "")
    items = [submission for submission, _ in found[:limit]]
    if len(found) > limit:
        spread = found[0][1] - found[limit - 1][1]
        # A quarter wider than this page: the next page then mostly needs one window, with few rows too many.
        return items, Position(found[limit - 1][1], items[-1].id, max(MIN_WIDTH, spread * 5 // 4))
    return items, Position(high, below, width) if high > floor or below else None


def _rows_before(
    source: Source, low: int, position: Position, filters: Filters, wanted: int
) -> tuple[Sequence[Row], int]:
    """Return at least the newest ``wanted`` rows before the position, and the millisecond down to which it read."""
    if not position.below:
        return source.between(low, position.at, filters, wanted), low
    # The query includes the position's own millisecond: it holds few rows, and those of earlier pages are dropped here.
    row_limit = wanted + SAME_MILLISECOND_ROWS
    rows = source.between(low, position.at + 1, filters, row_limit)
    unseen = [each for each in rows if each.at < position.at or each.id < position.below]
    if len(rows) < row_limit or len(unseen) >= wanted:
        return unseen, low
    # The limit cut the rows off before there were enough: that millisecond holds many rows and gets its own query.
    return source.at(position.at, position.below, filters, wanted), position.at


def read_all(source: Source, filters: Filters, batch: int, now: datetime, sample_of: int) -> Iterator[Submission]:
    """Yield all that match and existed at ``now``. Reads page by page, as the caller iterates."""
    position: Position | None = None
    while True:
        items, position = read_page(source, filters, position, batch, now, sample_of)
        yield from items
        if position is None:
            return


class WindowedListing:
    """The listing store over a source that reads windows. ``now`` is the database's time."""

    def __init__(self, source: Source, now: Callable[[], datetime]) -> None:
        self._source = source
        self._now = now

    def page(self, filters: Filters, cursor: str | None, limit: int) -> Page:
        position = read_cursor(cursor) if cursor is not None else None
        items, following = read_page(self._source, filters, position, limit, self._now(), SAMPLE_OF)
        return Page(items, following.cursor() if following else None)

    def all(self, filters: Filters, batch: int) -> Iterator[Submission]:
        return read_all(self._source, filters, batch, self._now(), SAMPLE_OF)
