"""Writes tombstones for what is about to expire, before the database deletes it. Any orchestrator; all may.

The database deletes by its own clock and tells nobody. So whatever expires within the next minute gets its tombstone
now; an address whose submission is still there is answered with that, tombstone or not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable
from contracts.tombstones import GoneReason, Tombstone
from orchestrator.ports import Clock

log = structlog.get_logger()

AHEAD = timedelta(seconds=60)
LAST_LOOK = timedelta(seconds=5)
"""What came to be after its expiry was looked at (it is kept for less than a minute) is found by this second look."""


class Graves(Protocol):
    """Every method raises StoreUnavailable."""

    def now(self) -> datetime:
        """Return the database's time."""

    def expiring(self, after: datetime | None, until: datetime) -> list[tuple[str, datetime]]:
        """Return ids and expiries in (after, until], or all until then: a range of an index, read once."""

    def bury(self, tombstones: list[Tombstone]) -> None:
        """Store those of which there is none yet."""


class Expiry:
    def __init__(self, graves: Graves, clock: Clock) -> None:
        self._graves = graves
        self._clock = clock
        self._seen: datetime | None = None
        self._buried: dict[str, datetime] = {}

    def once(self) -> int:
        """Bury what is about to expire and return how many that were. Raises StoreUnavailable."""
        now = self._graves.now()
        horizon = now + AHEAD
        found = dict(self._graves.expiring(self._seen, horizon))
        if self._seen is not None:
            found |= dict(self._graves.expiring(now, now + LAST_LOOK))
        new = {key: at for key, at in found.items() if self._buried.get(key) != at}
        if new:
            self._graves.bury([Tombstone.of(key, GoneReason.EXPIRED, at) for key, at in new.items()])
        self._seen = max(horizon, self._seen or horizon)  # the database's clock may have been set back
        self._buried = {key: at for key, at in (self._buried | new).items() if at > now}
        return len(new)

    def run(self, seconds: float) -> None:
        """Look every so many seconds until the process is asked to stop."""
        while self._clock.sleep(seconds):
            try:
                self.once()
            except StoreUnavailable as error:
                log.warning("expiry put off", error=error.message)
            except Exception:
                log.exception("expiry broke")  # the thread must live
