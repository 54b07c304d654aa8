"""Between two measurements the database's time follows the monotonic clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runtime.clock import DatabaseTime

MEASURED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_without_a_measurement_there_is_no_time() -> None:
    assert DatabaseTime().now() is None


def test_it_goes_on_from_the_last_measurement() -> None:
    seconds = [100.0]
    followed = DatabaseTime(lambda: seconds[0])
    assert followed.measured(MEASURED) == MEASURED
    seconds[0] = 130.5
    assert followed.now() == MEASURED + timedelta(seconds=30.5)
    followed.measured(MEASURED + timedelta(hours=1))
    assert followed.now() == MEASURED + timedelta(hours=1)


def test_it_is_as_precise_as_what_is_stored() -> None:
    seconds = [100.0]
    followed = DatabaseTime(lambda: seconds[0])
    followed.measured(MEASURED)
    seconds[0] = 100.0019
    assert followed.now() == MEASURED + timedelta(milliseconds=1)


def test_a_time_without_a_zone_is_utc() -> None:
    followed = DatabaseTime(lambda: 0.0)
    assert followed.measured(MEASURED.replace(tzinfo=None)) == MEASURED
    assert followed.now() == MEASURED
