"""A census counts every submission once, reads a bounded number in each run, and goes on where it stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.mongo.secantus_census import MARGIN, RUN_SUBMISSIONS, RUN_WINDOWS, Census
from gateway.adapters.mongo.secantus_windows import milliseconds
from gateway.submissions.quota import Count, Stored
from tests.support.factories import NOW

PRESENT = milliseconds(NOW)
SAMPLE_OF = 16


class Times:
    """Submissions by their times, each of one byte, and a sample of them; it counts what it is asked."""

    def __init__(self, times: list[int]) -> None:
        self.times = sorted(times)
        self.read = self.windows = 0

    def sizes(self, low: int, high: int) -> Stored:
        count = sum(low <= time < high for time in self.times)
        self.read += count
        self.windows += 1
        return Stored(count, count)

    def sampled(self, low: int, high: int) -> int | None:
        return max((time for time in self.times[::SAMPLE_OF] if low <= time < high), default=None)


def finish(census: Census, now: datetime = NOW) -> Count:
    while (count := census.count(now)) is None:
        pass
    return count


@given(st.lists(st.integers(0, PRESENT - 10_000) | st.integers(PRESENT - 600_000, PRESENT - 10_000), max_size=300))
def test_it_counts_every_submission_once(times: list[int]) -> None:
    assert finish(Census(Times(times))).stored == Stored(len(times), len(times))


def test_what_is_too_new_is_left_to_the_quota() -> None:
    recent = milliseconds(NOW - MARGIN)
    count = finish(Census(Times([recent - 2000, recent, PRESENT])))
    assert count.stored.submissions == 1
    assert NOW - MARGIN - timedelta(seconds=1) < count.until <= NOW - MARGIN
    assert count.until.microsecond == 0


def test_a_run_is_bounded_and_the_next_goes_on() -> None:
    times = Times([PRESENT - 20_000 - 10 * number for number in range(5 * RUN_SUBMISSIONS)])
    census, runs = Census(times), 0
    while (count := census.count(NOW)) is None:
        runs += 1
        assert times.read <= runs * 2 * RUN_SUBMISSIONS
        assert times.windows <= runs * RUN_WINDOWS
    assert (count.stored.submissions, runs > 1) == (5 * RUN_SUBMISSIONS, True)


def test_the_next_count_begins_again_and_sees_what_was_deleted() -> None:
    times = Times([PRESENT - 20_000, PRESENT - 30_000])
    census = Census(times)
    assert finish(census).stored.submissions == 2
    times.times.pop()
    assert finish(census, NOW + timedelta(seconds=5)).stored.submissions == 1
