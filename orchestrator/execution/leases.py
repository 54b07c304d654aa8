"""Renews the leases of the submissions that this process works on, and hands back those that it cannot finish."""

from __future__ import annotations

import structlog

from contracts.errors import LeaseLost, StoreUnavailable
from contracts.submissions.states import SubmissionState
from orchestrator.execution.engine import HeldClaims
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.ports import Claim, Clock, Store

log = structlog.get_logger()

RENEWALS_PER_LEASE = 4

STORE_WAS_UNAVAILABLE = "The database was unavailable while it ran; it continues from its last checkpoint."


class LeaseKeeper:
    def __init__(self, store: Store, held: HeldClaims, clock: Clock, lease_seconds: float) -> None:
        self._store = store
        self._held = held
        self._clock = clock
        self._lease_seconds = lease_seconds

    def once(self) -> None:
        """Renew the lease of every claim, and hand back the unfinished ones.

        A claim whose lease was lost is dropped: the next write under it will be refused.
        """
        for claim, _ in self._held.all():
            try:
                self._store.renew(claim, self._lease_seconds)
            except LeaseLost:
                self._held.drop(claim)
            except StoreUnavailable as error:
                log.warning("lease not renewed", submission_id=claim.submission_id, error=error.message)
                return
        for claim, run in self._held.unfinished():
            try:
                self.hand_back(claim, run, STORE_WAS_UNAVAILABLE)
            except LeaseLost:
                log.info("taken over", submission_id=claim.submission_id)  # or the last write did arrive
            except StoreUnavailable:
                return
            self._held.forget(claim)

    def hand_back(self, claim: Claim, run: WorkflowRun, reason: str) -> None:
        """Queue the submission again with the progress made so far. Raises LeaseLost and StoreUnavailable."""
        resting = run.progress(self._clock.now(), SubmissionState.QUEUED, reason)
        self._store.defer(claim, resting, reason, 0)
        log.info("handed back", submission_id=claim.submission_id, reason=reason)

    def run(self) -> None:
        """Renew until the clock is stopped. It has a clock of its own: work that drains still needs its leases."""
        while self._clock.sleep(self._lease_seconds / RENEWALS_PER_LEASE):
            self.once()
