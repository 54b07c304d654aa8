"""When a workflow accepts no more: an early refusal that says when to come back is better than an endless queue."""

from __future__ import annotations

import math

import structlog

from contracts.errors import QueueFull
from gateway.submissions.ports import Backlog, QueueDepths

log = structlog.get_logger()

LONGEST_WAIT_SECONDS = 60


class Tally:
    """One workflow's messages, as the broker counts them now and then. Used by one thread."""

    def __init__(self) -> None:
        self.waiting = 0
        self.drained_per_second = 0.0

    def count(self, waiting: int, published: int, seconds: float) -> None:
        """Take a count: ``waiting`` messages, ``seconds`` after the one before, ``published`` of ours in between."""
        if seconds > 0:
            drained = max(0, self.waiting + published - waiting) / seconds
            if self.waiting and waiting:
                self.drained_per_second = (self.drained_per_second + drained) / 2
            else:  # who had nothing left to do was not slow: so much can be done at least
                self.drained_per_second = max(self.drained_per_second, drained)
        self.waiting = waiting


def retry_after_seconds(backlog: Backlog, limit: int) -> int:
    """Return when to come back, 1 to 60 s: when a tenth of the limit will be free at the rate of late.

    With less room than that, all who were told the same time would meet a full queue again.
    """
    surplus = backlog.waiting - limit + max(1, limit // 10)
    if surplus >= backlog.drained_per_second * LONGEST_WAIT_SECONDS:
        return LONGEST_WAIT_SECONDS
    return max(1, math.ceil(surplus / backlog.drained_per_second))


class AdmissionControl:
    """Says whether more is taken. Costs a look at numbers in memory: it asks neither the broker nor the store.

    ``limit`` is how many submissions of one workflow may wait; 0 is no limit. The numbers are up to some seconds old,
    so that a burst may pass by what arrives in them.
    """

    def __init__(self, depths: QueueDepths, workflows: list[str], limit: int) -> None:
        self._depths = depths
        self._workflows = workflows
        self._limit = limit
        self._refusing: set[str] = set()

    def check(self, workflow: str) -> None:
        """Raise QueueFull when no more of ``workflow`` is taken."""
        if not self._limit:
            return
        backlog = self._depths.backlog(workflow)
        if backlog.waiting < self._limit:
            if workflow in self._refusing:
                self._refusing.discard(workflow)
                log.info("queue takes more again", workflow=workflow, waiting=backlog.waiting)
            return
        if workflow not in self._refusing:
            self._refusing.add(workflow)
            log.warning("queue full", workflow=workflow, waiting=backlog.waiting, limit=self._limit)
        seconds = retry_after_seconds(backlog, self._limit)
        raise QueueFull(
            f"Too many submissions of {workflow} wait already (the limit is {self._limit}). Nothing was stored; "
            f"send it again in {seconds} second{'s' * (seconds > 1)}.",
            retry_after_seconds=seconds,
        )

    def full(self) -> list[str]:
        """Return the workflows of which no more is taken."""
        return [name for name in self._workflows if self._limit and self._depths.backlog(name).waiting >= self._limit]
