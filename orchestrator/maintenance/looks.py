"""Looks at every model server periodically, each within a bound of time: a server that hangs is seen without a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog

from contracts.errors import StoreUnavailable
from contracts.models.status import shown_address
from contracts.orchestrators.status import BreakerState, ModelReport
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from orchestrator.ports import Clock, ModelServers

log = structlog.get_logger()

PAUSE_SECONDS = 3.0
ANSWER_SECONDS = 2.0
"""A frozen server is reported within PAUSE_SECONDS plus this, and a sweep."""

AT_ONCE = 8


@dataclass(frozen=True)
class Look:
    """One look at a server: ``at`` by the database's clock, ``reason`` why it failed, None where it did not."""

    at: datetime
    reason: str | None = None


class Looks:
    """``run`` has a thread of its own; ``latest`` may be called from any.

    ``addresses`` returns the servers that the workflows need now: which are published changes while this runs.
    """

    def __init__(self, servers: ModelServers, addresses: Callable[[], Iterable[str]], clock: Clock) -> None:
        self._servers = servers
        self._addresses = addresses
        self._clock = clock
        self._latest: Mapping[str, Look] = {}

    def latest(self, address: str) -> Look | None:
        """Return the last look at a server; None before the first one."""
        return self._latest.get(address)

    def once(self) -> None:
        """Look at every server, at several at the same time. Raises StoreUnavailable."""
        addresses = sorted(set(self._addresses()))
        if not addresses:
            self._latest = {}
            return
        with ThreadPoolExecutor(min(AT_ONCE, len(addresses)), thread_name_prefix="look") as pool:
            reasons = list(pool.map(lambda each: self._servers.look(each, ANSWER_SECONDS), addresses))
        now = self._clock.now()
        found = {address: Look(now, reason) for address, reason in zip(addresses, reasons, strict=True)}
        for address, look in found.items():
            before = self._latest.get(address)
            if look.reason and (before is None or before.reason is None):
                log.warning("model server does not answer", server=address, error=look.reason)
            elif not look.reason and before is not None and before.reason:
                log.info("model server answers again", server=address)
        self._latest = found

    def run(self) -> None:
        """Look every PAUSE_SECONDS until the process is asked to stop."""
        while True:
            try:
                self.once()
            except StoreUnavailable as error:
                log.warning("model servers not dated", error=error.message)
            except Exception:
                log.exception("looking at the model servers failed")
            if not self._clock.sleep(PAUSE_SECONDS):
                return


def model_report(
    model: ModelRef, server: str, state: ServedState, breaker: BreakerState, look: Look | None
) -> ModelReport:
    """Return the report on a model, with its server's address as it may be shown."""
    return ModelReport(
        model=model,
        address=shown_address(server),
        state=state,
        breaker=breaker,
        checked_at=look and look.at,
        reason=look and look.reason,
    )


def served_state(last_call: ServedState, look: Look | None) -> ServedState:
    """Return how a model is served: a server that does not answer fails, one that does is no longer untried."""
    if look is None:
        return last_call
    if look.reason is not None:
        return ServedState.FAILING
    return ServedState.ANSWERING if last_call is ServedState.UNTRIED else last_call
