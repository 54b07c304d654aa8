"""Clocks: the database's time, which dates everything that is stored, and a sleep that ends with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class DatabaseTime:
    """Follows the database's clock between two measurements.

    In between it counts on this machine's monotonic clock, and not on its date, which may be wrong or be set.
    Thread-safe: a measurement is replaced as a whole.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._measured: tuple[datetime, float] | None = None

    def measured(self, answer: datetime) -> datetime:
        """Store the time that the database has just returned, and return it with its zone."""
        measured = answer if answer.tzinfo else answer.replace(tzinfo=UTC)
        self._measured = (measured, self._monotonic())
        return measured

    def now(self) -> datetime | None:
        """Return the database's time, off by at most the duration of the last measurement; None before the first one.

        It has whole milliseconds, as the database stores times, so that a time reads back as it was written.
        """
        if self._measured is None:
            return None
        measured, at = self._measured
        return whole_milliseconds(measured + timedelta(seconds=self._monotonic() - at))


def whole_milliseconds(time: datetime) -> datetime:
    """Return ``time``, cut to milliseconds."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


class SystemClock:
    """The clock of a process. ``now`` is the database's time, ``sleep`` ends when the process is asked to stop."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return self._now()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """Wait. Returns False, at once, when the process is asked to stop."""
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        """Wake every sleeper and let no one sleep again."""
        self._stopped.set()
