"""Deletes expired submissions and leaves a tombstone for each. Every orchestrator does this; it is safe when all do.

A submission that expires within the next minute gets its tombstone now; expired ones are deleted by ranges of an index.
The database deletes nothing by itself: there is no TTL index (contracts/storage/layout.py says why).
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
"""Each pass reads this much of the previous range again: a submission that is kept for less than a minute may have been
created after its expiry was read."""

BACKLOG = timedelta(days=40)
WINDOW = timedelta(hours=1)
"""At the start, everything older than BACKLOG is read at once, and what is newer in windows of this length."""


class ExpiryStore(Protocol):
    """Submissions by their expiry, and tombstones. Every method raises StoreUnavailable."""

    def now(self) -> datetime:
        """Return the database's time."""

    def prepare(self) -> None:
        """Create the indexes that bound these queries, unless they exist."""

    def expiring(self, after: datetime | None, until: datetime) -> list[tuple[str, datetime]]:
        """Return ids and expiries of submissions that expire in (after, until]; without ``after``, all until then."""

    def write_tombstones(self, tombstones: list[Tombstone]) -> None:
        """Store the tombstones that do not exist yet."""

    def remove(self, submission_ids: list[str]) -> None:
        """Delete these submissions."""

    def tidy(self, now: datetime) -> None:
        """Delete everything else that has expired: images, tombstones and all other documents with an expiry."""


class Expiry:
    def __init__(self, expiry_store: ExpiryStore, clock: Clock) -> None:
        self._expiry_store = expiry_store
        self._clock = clock
        self._scanned_until: datetime | None = None
        self._removed_until: datetime | None = None
        self._written: dict[str, datetime] = {}

    def once(self) -> int:
        """Write tombstones for what is about to expire, delete what has expired, and return how many were deleted.

        Raises StoreUnavailable.
        """
        now = self._expiry_store.now()
        horizon = now + HORIZON
        for found in self._expiring(self._scanned_until, horizon, now):
            self._write_tombstones(found)
        self._write_tombstones(self._expiry_store.expiring(now, now + OVERLAP))
        # The database's clock may be set back, and what is created then expires in a range that was read before.
        self._scanned_until = horizon
        removed = 0
        again = (
            None if self._removed_until is None else self._removed_until - OVERLAP
        )  # gateways' clocks differ a little
        for found in self._expiring(again, now, now):
            self._write_tombstones(found)  # before the deletion; a repeated deletion writes none again
            self._expiry_store.remove([key for key, _ in found])
            removed += len(found)
        self._expiry_store.tidy(now)
        self._removed_until = now
        self._written = {key: at for key, at in self._written.items() if at > now}
        if removed:
            log.info("expired", submissions=removed)
        return removed

    def run(self, seconds: float) -> None:
        """Run once every ``seconds`` until the process is asked to stop."""
        prepared = False
        while self._clock.sleep(seconds):
            try:
                if not prepared:
                    self._expiry_store.prepare()
                    prepared = True
                self.once()
            except StoreUnavailable as error:
                log.warning("expiry postponed", error=error.message)
            except Exception:
                log.exception("expiry failed")  # the thread must go on

    def _expiring(self, after: datetime | None, until: datetime, now: datetime) -> Iterator[list[tuple[str, datetime]]]:
        """Yield what expires in (after, until], oldest first; without ``after``, everything until then."""
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
