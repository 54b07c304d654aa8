"""Each part is killed at each moment, and stopped for half a minute, under a steady load: nothing accepted is lost.

The table that this prints is kept in docs/faults.md; `make test-faults` writes it anew.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psutil
import pytest

from contracts.documents import Submission
from deploy.local.errors import ClusterError
from tests.faults.load import PER_SECOND, Load, Sent, doubled
from tests.faults.tripwire import BETWEEN_STEPS, STORED, WRITING, Tripwire, tripwire
from tests.faults.waits import BACK_SECONDS, POLL_SECONDS, final_records, until_back
from tests.local_cluster import CHECKOUT, LocalCluster, running

PARTS = ("gateway", "orchestrator", "torchserve", "model worker", "rabbitmq", "database")
WARM_SECONDS = 2.0
STOPPED_SECONDS = 30.0
AFTER_SECONDS = 6.0
WORKS_SECONDS = 10.0
RESULT_SECONDS = 30.0
PAGE = CHECKOUT / "docs" / "faults.md"

HEAD = """\
# What was broken, and what became of it

Each part of a local cluster is killed (`kill -9`) at each moment of a submission's way, and stopped for {stopped:.0f} s
(SIGSTOP: it is there and answers nobody), while {rate} submissions a second of both workflows come in. The moments are
met exactly: a proxy before the database sees the calls that mark them, and holds one submission at each of the short
ones until the part is dead; and two models are at work. A part that is stopped for long meets submissions everywhere.

Accepted means that the client got an id; counted are those sent from the fault until the next one. Lost: accepted, and
not in a final state at the end. Doubled: a step that succeeded twice. Refused: answered with 503, or the connection
broke, so that the client knows to try again. Back: seconds until the part was there again and ready (as `make status`
sees it). Works again: seconds from then until the next result. Caught up: seconds until a submission that was sent
after that had its result, behind all that had come in meanwhile and before.

`make test-faults` makes this table; it fails when anything is lost, doubled, or failed.

"""


class Broken:
    """A cluster whose database stands behind a tripwire."""

    def __init__(self, cluster: LocalCluster, store: LocalCluster, wire: Tripwire) -> None:
        self._cluster, self._store, self.wire = cluster, store, wire
        self.url = cluster.url

    def ready(self) -> bool:
        return self._store.ready() and self._cluster.ready()

    def pid(self, part: str) -> int:
        """Return the part's process id. Raises ClusterError or NoSuchProcess while there is none."""
        if part != "model worker":
            return (self._store if part == "database" else self._cluster).pid(part)
        workers = [each for each in psutil.Process(self.pid("torchserve")).children() if "python" in each.name()]
        if not workers:
            raise ClusterError("TorchServe has no worker yet.")
        return workers[0].pid

    def records(self, submission_ids: list[str]) -> list[Submission]:
        return self._cluster.records(submission_ids)

    def until_replaced(self, part: str, gone: int) -> None:
        """Wait until the part is another process than the one that is gone, and all is ready."""
        end = time.monotonic() + BACK_SECONDS
        while True:
            try:
                if self.pid(part) != gone:
                    break
            except (ClusterError, psutil.NoSuchProcess):
                pass  # it is not there again yet
            time.sleep(POLL_SECONDS)
            assert time.monotonic() < end, f"{part} is not started again"
        until_back(self)


@dataclass
class Fault:
    """One thing that was broken: when, and when everything was ready again."""

    part: str
    kind: str
    moment: str
    at: datetime
    back: datetime
    works_seconds: float


@dataclass
class Row:
    """One line of the table."""

    fault: Fault
    accepted: int
    final: int
    failed: int
    doubled: int
    refused: int
    caught_up_seconds: float | None

    def cells(self) -> list[str]:
        fault, lost = self.fault, self.accepted - self.final
        return [
            *(fault.part, fault.kind, fault.moment),
            *map(str, (self.accepted, self.final, lost, self.doubled, self.refused)),
            f"{(fault.back - fault.at).total_seconds():.1f}",
            f"{fault.works_seconds:.1f}",
            "" if self.caught_up_seconds is None else f"{self.caught_up_seconds:.1f}",
        ]


HEADING = [
    *("part", "fault", "at the moment", "accepted", "final", "lost", "doubled", "refused"),
    *("back, s", "works again, s", "caught up, s"),
]


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    lines = [HEADING, ["---"] * len(HEADING), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    sys.stdout.write(f"\n{text}\n")
    if len(rows) == len(PARTS) * (len(MOMENTS) + 1):
        PAGE.write_text(HEAD.format(stopped=STOPPED_SECONDS, rate=PER_SECOND) + text + "\n")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    homes = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("cluster")
    with running(homes[0], "--only", "database") as store:
        port = urlsplit(store.environment()["SHOWCASE_MONGO_URL"]).port
        assert port
        with tripwire(port) as wire, running(homes[1], settings={"SHOWCASE_MONGO_URL": wire.url}) as started:
            yield Broken(started, store, wire)


def seconds_until_newcomer(records: list[Submission], back: datetime) -> float:
    """Return the seconds from ``back`` until the first result of a submission that came after it."""
    ends = [record.ended_at for record in records if record.created_at >= back and record.ended_at]
    return (min(ends) - back).total_seconds() if ends else float("inf")


def rows_of(faults: list[Fault], sent: list[Sent], records: list[Submission]) -> list[Row]:
    """Return a row a fault, which answers for what was sent from then on; the first one also for what was before."""
    known = {record.id: record for record in records}
    begins = [datetime.min.replace(tzinfo=UTC), *(each.at for each in faults[1:])]
    ends = [*begins[1:], datetime.max.replace(tzinfo=UTC)]
    rows = []
    for fault, begin, end in zip(faults, begins, ends, strict=True):
        ours = [each for each in sent if begin <= each.sent < end]
        accepted = [known[each.submission_id] for each in ours if each.submission_id]
        rows.append(
            Row(
                fault=fault,
                accepted=len(accepted),
                final=sum(record.state.terminal for record in accepted),
                failed=sum(record.state.value == "failed" for record in accepted),
                doubled=doubled(accepted),
                refused=sum(each.retryable for each in ours),
                # Before the last one there is no time to catch up: the next fault comes first.
                caught_up_seconds=seconds_until_newcomer(records, fault.back) if fault is faults[-1] else None,
            )
        )
    return rows


def check(load: Load, rows: list[Row], records: list[Submission]) -> None:
    assert {row.fault.moment: row.accepted - row.final for row in rows if row.accepted != row.final} == {}
    assert {row.fault.moment: row.doubled for row in rows if row.doubled} == {}
    assert [record.reason for record in records if record.state.value == "failed"] == []
    refused = sum(each.retryable for each in load.sent)
    assert len(load.accepted) + refused == len(load.sent), "an answer that is neither an id nor a reason to retry"
    assert {row.fault.moment for row in rows if row.fault.works_seconds > WORKS_SECONDS} == set()


@contextmanager
def in_the_gaps(load: Load, wire: Tripwire) -> Iterator[None]:
    """Hold one submission in each moment that is too short to be met by chance."""
    with load.half_sent(), wire.held(BETWEEN_STEPS), wire.held(WRITING), wire.held(STORED):
        yield


@contextmanager
def in_the_steps(_load: Load, wire: Tripwire) -> Iterator[None]:
    wire.until_in_both_steps()
    yield


MOMENTS = {
    f"upload, {STORED.name}, {BETWEEN_STEPS.name}, {WRITING.name}": in_the_gaps,
    "step 1, step 2": in_the_steps,
}


@pytest.mark.timeout(500)
@pytest.mark.parametrize("part", PARTS)
def test_killed_at_any_moment_nothing_accepted_is_lost(cluster: Broken, table: list[Row], part: str) -> None:
    until_back(cluster)
    faults = []
    with Load(cluster.url) as load:
        time.sleep(WARM_SECONDS)
        for moment, met in MOMENTS.items():
            process = cluster.pid(part)
            with met(load, cluster.wire):
                os.kill(process, signal.SIGKILL)
                at = datetime.now(UTC)
            cluster.until_replaced(part, process)
            back = datetime.now(UTC)
            works_seconds = cluster.wire.until_result(RESULT_SECONDS)
            faults.append(Fault(part, "kill -9", moment, at, back, works_seconds))
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
        process, at = cluster.pid(part), datetime.now(UTC)
        os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_SECONDS)
        finally:
            if psutil.pid_exists(process):  # one that was ended and started again meanwhile is not continued
                os.kill(process, signal.SIGCONT)
        until_back(cluster)
        back = datetime.now(UTC)
        works_seconds = cluster.wire.until_result(RESULT_SECONDS)
        time.sleep(AFTER_SECONDS)
    records = final_records(cluster, load.accepted)
    rows = rows_of([Fault(part, "stopped", "all", at, back, works_seconds)], load.sent, records)
    table += rows
    check(load, rows, records)
