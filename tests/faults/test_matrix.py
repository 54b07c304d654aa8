"""Each part is killed at each moment, and stopped for half a minute, under a steady load: nothing accepted is lost.

The table is docs/faults.md; `make test-faults` writes it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil
import pytest

from contracts.submissions.documents import Submission
from deploy.local.errors import ClusterError
from tests.support.checkout import CHECKOUT
from tests.support.faults.load import PER_SECOND, Load
from tests.support.faults.table import HEAD, HEADING, Fault, Row, rows_of
from tests.support.faults.tripwire import BETWEEN_STEPS, STORED, WRITING, Tripwire, tripwire
from tests.support.faults.waits import BACK_SECONDS, POLL_SECONDS, final_records, until_back
from tests.support.local_cluster import LocalCluster, running

PARTS = ("gateway", "orchestrator", "torchserve", "model workers", "rabbitmq", "database")
WORKERS = 6
"""Two of each model: one for ordinary pictures, one for large ones."""

WARM_SECONDS = 2.0
STOPPED_SECONDS = 30.0
AFTER_SECONDS = 6.0
NORMAL_SECONDS = 10.0
NORMAL_PER_SECOND = PER_SECOND * 9 // 10
"""Results a second: what comes in, but for its jitter."""

PACE_SECONDS = 30.0
PAGE = CHECKOUT / "docs" / "faults.md"


class Broken:
    """A cluster whose database stands behind a tripwire."""

    def __init__(self, cluster: LocalCluster, store: LocalCluster, wire: Tripwire) -> None:
        self._cluster, self._store, self.wire = cluster, store, wire
        self.url = cluster.url

    def ready(self) -> bool:
        """Return whether every part is ready."""
        return self._store.ready() and self._cluster.ready()

    def pids(self, part: str) -> list[int]:
        """Return the part's process ids. Raises ClusterError or NoSuchProcess while there is none."""
        if part != "model workers":
            return [(self._store if part == "database" else self._cluster).pid(part)]
        children = psutil.Process(self._cluster.pid("torchserve")).children()
        workers = [each.pid for each in children if "python" in each.name()]
        if len(workers) != WORKERS:
            raise ClusterError(f"TorchServe has {len(workers)} workers.")
        return workers

    def records(self, submission_ids: list[str]) -> list[Submission]:
        """Return those that are stored."""
        return self._cluster.records(submission_ids)

    def until_replaced(self, part: str, gone: list[int]) -> None:
        """Wait until the part is another process than what is gone, and all is ready."""
        end = time.monotonic() + BACK_SECONDS
        while True:
            try:
                if not set(self.pids(part)) & set(gone):
                    break
            except (ClusterError, psutil.NoSuchProcess):
                pass  # it is not there again yet
            time.sleep(POLL_SECONDS)
            assert time.monotonic() < end, f"{part} is not started again"
        until_back(self)


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    lines = [HEADING, ["---"] * len(HEADING), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    sys.stdout.write(f"\n{text}\n")
    if len(rows) == len(PARTS) * (len(MOMENTS) + 1):
        PAGE.write_text(HEAD.format(stopped=STOPPED_SECONDS, rate=PER_SECOND, normal=NORMAL_PER_SECOND) + text + "\n")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    homes = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("cluster")
    with running(homes[0], "--only", "database") as store:
        url = store.environment()["SHOWCASE_MONGO_URL"]
        with tripwire(url) as wire, running(homes[1], settings={"SHOWCASE_MONGO_URL": wire.url}) as started:
            yield Broken(started, store, wire)


def check(load: Load, rows: list[Row], records: list[Submission]) -> None:
    assert {row.fault.moment: row.accepted - row.final for row in rows if row.accepted != row.final} == {}, "lost"
    assert {row.fault.moment: row.doubled for row in rows if row.doubled} == {}
    assert [record.reason for record in records if record.state.value == "failed"] == []
    refused = sum(each.retryable for each in load.sent)
    assert len(load.accepted) + refused == len(load.sent), "an answer that is neither an id nor a reason to retry"
    slow = {row.fault.moment: row.fault.normal_seconds for row in rows if row.fault.normal_seconds > NORMAL_SECONDS}
    assert slow == {}


@contextmanager
def in_the_gaps(load: Load, wire: Tripwire) -> Iterator[None]:
    """Hold one submission in each moment that is too short to be met by chance."""
    with load.half_sent(), wire.held(BETWEEN_STEPS), wire.held(WRITING), wire.held(STORED):
        yield


@contextmanager
def in_the_steps(_load: Load, wire: Tripwire) -> Iterator[None]:
    wire.until_in_both_steps()
    yield


GAPS = f"upload, {STORED.name}, {BETWEEN_STEPS.name}, {WRITING.name}"
MOMENTS = {GAPS: in_the_gaps, "step 1, step 2": in_the_steps}


@pytest.mark.timeout(500)
@pytest.mark.parametrize("part", PARTS)
def test_killed_at_any_moment_nothing_accepted_is_lost(cluster: Broken, table: list[Row], part: str) -> None:
    until_back(cluster)
    faults = []
    with Load(cluster.url) as load:
        time.sleep(WARM_SECONDS)
        for moment, met in MOMENTS.items():
            processes = cluster.pids(part)
            with met(load, cluster.wire):
                for each in processes:
                    os.kill(each, signal.SIGKILL)
                at = datetime.now(UTC)
            cluster.until_replaced(part, processes)
            back = datetime.now(UTC)
            normal_seconds = cluster.wire.until_pace(NORMAL_PER_SECOND, PACE_SECONDS)
            faults.append(Fault(part, "kill -9", moment, at, back, normal_seconds))
        time.sleep(AFTER_SECONDS)
    records = final_records(cluster, load.accepted)
    rows = rows_of(faults, load.sent, records)
    table += rows
    check(load, rows, records)


@pytest.mark.timeout(500)
@pytest.mark.parametrize("part", PARTS)
def test_stopped_for_half_a_minute_nothing_accepted_is_lost(cluster: Broken, table: list[Row], part: str) -> None:
    until_back(cluster)
    with Load(cluster.url) as load:
        time.sleep(WARM_SECONDS)
        processes = cluster.pids(part)
        with in_the_gaps(load, cluster.wire):
            for each in processes:
                os.kill(each, signal.SIGSTOP)
            at = datetime.now(UTC)
        try:
            time.sleep(STOPPED_SECONDS)
        finally:
            for each in processes:
                if psutil.pid_exists(each):  # one that was ended and started again meanwhile is not continued
                    os.kill(each, signal.SIGCONT)
        until_back(cluster)
        back = datetime.now(UTC)
        normal_seconds = cluster.wire.until_pace(NORMAL_PER_SECOND, PACE_SECONDS)
        time.sleep(AFTER_SECONDS)
    records = final_records(cluster, load.accepted)
    rows = rows_of([Fault(part, "stopped", GAPS, at, back, normal_seconds)], load.sent, records)
    table += rows
    check(load, rows, records)
