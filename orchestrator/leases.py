"""Renews the leases of what this process works on, so that long steps are not taken over."""

from __future__ import annotations

import structlog

from contracts.errors import LeaseLost, StoreUnavailable
from orchestrator.engine import HeldClaims
from orchestrator.ports import Clock, Store

log = structlog.get_logger()

RENEWALS_PER_LEASE = 4


class LeaseKeeper:
    def __init__(self, store: Store, held: HeldClaims, clock: Clock, lease_seconds: float) -> None:
        self._store = store
        self._held = held
        self._clock = clock
        self._lease_seconds = lease_seconds

    def once(self) -> None:
        """Renew every claim in hand. A lost one is dropped: its owner's next write will be refused."""
        for claim, _ in self._held.all():
            try:
                self._store.renew(claim, self._lease_seconds)
            except LeaseLost:
                self._held.drop(claim)
            except StoreUnavailable as error:
                log.warning("lease not renewed", submission_id=claim.submission_id, error=error.message)
                return

    def run(self) -> None:
        """Renew until the clock is stopped: with a clock of its own, because work that drains needs its leases."""
        while self._clock.sleep(self._lease_seconds / RENEWALS_PER_LEASE):
            self.once()
