"""Waiting for what a broken cluster does, each time up to a bound."""

from __future__ import annotations

import time
from typing import Protocol

from contracts.submissions.documents import Submission
from tests.support.patience import PATIENCE

BACK_SECONDS = PATIENCE
END_SECONDS = 600.0
POLL_SECONDS = 0.2


class Cluster(Protocol):
    """What is waited for."""

    def ready(self) -> bool: ...

    def records(self, submission_ids: list[str]) -> list[Submission]: ...


def until_back(cluster: Cluster) -> None:
    """Wait until every part is ready."""
    end = time.monotonic() + BACK_SECONDS
    while not cluster.ready():
        assert time.monotonic() < end, "the cluster is not whole again"
        time.sleep(POLL_SECONDS)


def final_records(cluster: Cluster, accepted: list[str]) -> list[Submission]:
    """Return the records once all are final, or what there is of them when the time for that is over."""
    end = time.monotonic() + END_SECONDS
    found: dict[str, Submission] = {}
    while True:
        found |= {record.id: record for record in cluster.records([each for each in accepted if each not in found])}
        going_on = [name for name in accepted if name not in found or not found[name].state.terminal]
        if not going_on or time.monotonic() > end:
            return list(found.values())
        for name in going_on:
            found.pop(name, None)
        time.sleep(1)
