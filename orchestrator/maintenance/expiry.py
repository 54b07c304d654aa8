"""Ends what has expired, and leaves a tombstone where it was. Any orchestrator; all may.

What expires within the next minute gets its tombstone now; what has expired is deleted, by ranges of an index. No
index has the database delete by itself (contracts/storage/layout.py says why).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from contracts.errors import StoreUnavailable
from contracts.submissions.tombstones import GoneReason, Tombstone
from orchestrator.ports import Clock

log = structlog.get_logger()

HORIZON = timedelta(seconds=60)
OVERLAP = timedelta(seconds=5)
"""What came to be after its expiry was looked at (it is kept for less than a minute) is found by this second look."""

BACKLOG = timedelta(days=40)
WINDOW = timedelta(hours=1)
"""What expired while nobody looked, so far back, is read by so much at a time; what is older, at once."""


class ExpiryStore(Protocol):
    """Every method raises StoreUnavailable."""

    def now(self) -> datetime:
        """Return the database's time."""

    def prepare(self) -> None:
        """Make the indexes that all of this is bounded by, unless they are there."""

    def expiring(self, after: datetime | None, until: datetime) -> list[tuple[str, datetime]]:
        """Return ids and expiries of the submissions in (after, until], or of all until then."""

    def write_tombstones(self, tombstones: list[Tombstone]) -> None:
        """Store those of which there is none yet."""

    def remove(self, submission_ids: list[str]) -> None:
        """Delete these submissions."""

    def tidy(self, now: datetime) -> None:
        """Delete all else that has expired: pictures, tombstones, and whatever has an expiry besides."""


class Expiry:
    def __init__(self, expiry_store: ExpiryStore, clock: Clock) -> None:
        self._expiry_store = expiry_store
        self._clock = clock
        self._scanned_until: datetime | None = None
        self._removed_until: datetime | None = None
        self._written: dict[str, datetime] = {}

    def once(self) -> int:
        """Bury what is about to expire, delete what has; return how many were deleted. Raises StoreUnavailable."""
        now = self._expiry_store.now()
        horizon = now + HORIZON
        for found in self._expiring(self._scanned_until, horizon, now):
            self._write_tombstones(found)
        self._write_tombstones(self._expiry_store.expiring(now, now + OVERLAP))
        self._scanned_until = max(
            horizon, self._scanned_until or horizon
        )  # the database's clock may have been set back
        removed = 0
        again = (
            None if self._removed_until is None else self._removed_until - OVERLAP
        )  # clocks of gateways differ by a little
        for found in self._expiring(again, now, now):
            self._write_tombstones(found)  # before it is deleted, and not when that is repeated
            self._expiry_store.remove([key for key, _ in found])
            removed += len(found)
        self._expiry_store.tidy(now)
        self._removed_until = max(now, self._removed_until or now)
        self._written = {key: at for key, at in self._written.items() if at > now}
        if removed:
            log.info("expired", submissions=removed)
        return removed

    def run(self, seconds: float) -> None:
        """Look every so many seconds until the process is asked to stop."""
        prepared = False
        while self._clock.sleep(seconds):
            try:
                if not prepared:
                    self._expiry_store.prepare()
                    prepared = True
                self.once()
            except StoreUnavailable as error:
                log.warning("expiry put off", error=error.message)
            except Exception:
                log.exception("expiry broke")  # the thread must live

    def _expiring(self, after: datetime | None, until: datetime, now: datetime) -> Iterator[list[tuple[str, datetime]]]:
        """Yield what expires in (after, until], oldest first; from the beginning of time without ``after``."""
        if after is None:
            after = now - BACKLOG
            yield self._expiry_store.expiring(None, after)
        while after < until:
            end = min(after + WINDOW, until)
            yield self._expiry_store.expiring(after, end)
            after = end

    def _write_tombstones(self, found: list[tuple[str, datetime]]) -> None:
        new = [(key, at) for key, at in found if self._written.get(key) != at]
        if new:
            self._expiry_store.write_tombstones([Tombstone.of(key, GoneReason.EXPIRED, at) for key, at in new])
            self._written |= dict(new)
