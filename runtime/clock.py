"""The database's time, between two looks at it. The one clock that dates and judges what is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class DatabaseTime:
    """Follows the database's clock by this machine's steady one, which nobody sets: not by its date, which may be off.

    Thread-safe: what was measured is replaced as a whole.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._measured: tuple[datetime, float] | None = None

    def measured(self, answer: datetime) -> datetime:
        """Take the time that the database has just told, and return it with its zone."""
        time_of_database = answer if answer.tzinfo else answer.replace(tzinfo=UTC)
        self._measured = (time_of_database, self._monotonic())
        return time_of_database

    def now(self) -> datetime | None:
        """Return the database's time, in error by what the last answer took; None when it was never told."""
        if self._measured is None:
            return None
        time_of_database, at = self._measured
        return time_of_database + timedelta(seconds=self._monotonic() - at)
