"""Admission control: a full queue refuses submissions early, with a time to retry, instead of growing forever."""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog

from contracts.errors import QueueFull
from gateway.submissions.ports import Backlog, QueueDepths

log = structlog.get_logger()

MAX_RETRY_AFTER_SECONDS = 60


class QueueStatistics:
    """The length of one workflow's queue and its drain rate, from periodic counts. Used by one thread."""

    def __init__(self) -> None:
        self.waiting = 0
        self.drained_per_second = 0.0

    def record(self, waiting: int, published: int, seconds: float) -> None:
        """Record a count of ``waiting`` messages, ``seconds`` after the last count.

        ``published`` is how many messages this gateway published in between.
        """
        if seconds > 0:
            drained = max(0, self.waiting + published - waiting) / seconds
            if self.waiting and waiting:
                self.drained_per_second = (self.drained_per_second + drained) / 2
            else:  # the queue was empty: the orchestrators could have drained more, so this rate is a lower bound
                self.drained_per_second = max(self.drained_per_second, drained)
        self.waiting = waiting


def retry_after_seconds(backlog: Backlog, limit: int) -> int:
    """Return when to retry, 1 to 60 s: when a tenth of the limit will be free at the recent drain rate.

    With less room than that, clients that retry at the same time would find the queue full again.
    """
    surplus = backlog.waiting - limit + max(1, limit // 10)
    if surplus >= backlog.drained_per_second * MAX_RETRY_AFTER_SECONDS:
        return MAX_RETRY_AFTER_SECONDS
    return max(1, math.ceil(surplus / backlog.drained_per_second))


class AdmissionControl:
    """Decides whether a workflow accepts submissions, from numbers in memory: no call to the broker or the store.

    ``limit`` is how many submissions of one workflow may wait; 0 means no limit. The numbers are up to a few seconds
    old, so a burst may exceed the limit by what arrives in that time.
    """

    def __init__(self, depths: QueueDepths, workflows: Callable[[], list[str]], limit: int) -> None:
        """``workflows`` returns the names of the workflows that accept submissions."""
        self._depths = depths
        self._workflows = workflows
        self._limit = limit
        self._refusing: set[str] = set()

    def check(self, workflow: str) -> None:
        """Raise QueueFull when the queue of ``workflow`` is full."""
        if not self._limit:
            return
        backlog = self._depths.backlog(workflow)
        if backlog.waiting < self._limit:
            if workflow in self._refusing:
                self._refusing.discard(workflow)
                log.info("queue accepts submissions again", workflow=workflow, waiting=backlog.waiting)
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
        """Return the workflows whose queues are full."""
        return [name for name in self._workflows() if self._limit and self._depths.backlog(name).waiting >= self._limit]
