"""Between two looks the database's time goes on by a clock that nobody sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runtime.clock import DatabaseTime

TOLD = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_what_was_never_told_is_not_guessed() -> None:
    assert DatabaseTime().now() is None


def test_it_goes_on_from_what_was_told_last() -> None:
    seconds = [100.0]
    followed = DatabaseTime(lambda: seconds[0])
    assert followed.measured(TOLD) == TOLD
    seconds[0] = 130.5
    assert followed.now() == TOLD + timedelta(seconds=30.5)
    followed.measured(TOLD + timedelta(hours=1))
    assert followed.now() == TOLD + timedelta(hours=1)


def test_it_is_as_precise_as_what_is_stored() -> None:
    seconds = [100.0]
    followed = DatabaseTime(lambda: seconds[0])
    followed.measured(TOLD)
    seconds[0] = 100.0019
    assert followed.now() == TOLD + timedelta(milliseconds=1)


def test_a_time_without_a_zone_is_utc() -> None:
    followed = DatabaseTime(lambda: 0.0)
    assert followed.measured(TOLD.replace(tzinfo=None)) == TOLD
    assert followed.now() == TOLD
