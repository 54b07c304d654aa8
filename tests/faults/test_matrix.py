"""Each part is killed, and stopped for half a minute, under a steady load: nothing that was accepted is lost.

The table that this prints is kept in docs/faults.md; `make test-faults` writes it anew.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
import pytest

from contracts.documents import Submission
from tests.faults.load import MOMENTS, PER_SECOND, Load, doubled, moments
from tests.local_cluster import CHECKOUT, LocalCluster, running

PARTS = ("gateway", "orchestrator", "torchserve", "model worker", "rabbitmq", "database")
WARM_SECONDS = 4.0
STOPPED_SECONDS = 30.0
AFTER_SECONDS = 6.0
BACK_SECONDS = 60.0
END_SECONDS = 240.0
WORKS_SECONDS = 10.0
PAGE = CHECKOUT / "docs" / "faults.md"

HEAD = """\
# What was broken, and what became of it

Each part of a local cluster is killed (`kill -9`), and stopped for {stopped:.0f} s (SIGSTOP: it is there and answers
nobody), while {rate} submissions a second of both workflows come in. Accepted means that the client got an id. Lost:
accepted, and not in a final state at the end. Doubled: a step that succeeded twice. Refused: answered with 503, or the
connection broke, so that the client knows to try again. Works again: seconds from when every part was ready again (as
`make status` sees it) until the next result. Caught up: seconds until a submission that was sent after that had its
result, behind all that had come in meanwhile. The last columns say where the submissions were at the moment of the
fault.

`make test-faults` makes this table; it fails when anything is lost, doubled, or failed.

"""


@dataclass
class Row:
    """One line of the table."""

    part: str
    fault: str
    accepted: int
    final: int
    failed: int
    doubled: int
    refused: int
    works_seconds: float
    caught_up_seconds: float
    where: dict[str, int]

    def cells(self) -> list[str]:
        lost = self.accepted - self.final
        return [
            *(self.part, self.fault, *map(str, (self.accepted, self.final, lost, self.doubled, self.refused))),
            f"{self.works_seconds:.1f}",
            f"{self.caught_up_seconds:.1f}",
            *(str(self.where.get(moment, 0)) for moment in MOMENTS),
        ]


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    heading = [
        "part",
        "fault",
        "accepted",
        "final",
        "lost",
        "doubled",
        "refused",
        "works again, s",
        "caught up, s",
        *MOMENTS,
    ]
    lines = [heading, ["---"] * len(heading), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    sys.stdout.write(f"\n{text}\n")
    if len(rows) == 2 * len(PARTS):
        PAGE.write_text(HEAD.format(stopped=STOPPED_SECONDS, rate=PER_SECOND) + text + "\n")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def victim(cluster: LocalCluster, part: str) -> int:
    if part != "model worker":
        return cluster.pid(part)
    workers = [each for each in psutil.Process(cluster.pid("torchserve")).children() if "python" in each.name()]
    return workers[0].pid


def hit(cluster: LocalCluster, part: str, fault: str) -> None:
    """Kill the part, or stop it for a while. One that was ended and started again meanwhile is not continued."""
    process = victim(cluster, part)
    if fault == "kill -9":
        os.kill(process, signal.SIGKILL)
        return
    os.kill(process, signal.SIGSTOP)
    try:
        time.sleep(STOPPED_SECONDS)
    finally:
        if psutil.pid_exists(process):
            os.kill(process, signal.SIGCONT)


def until_back(cluster: LocalCluster) -> None:
    end = time.monotonic() + BACK_SECONDS
    while not cluster.ready():
        assert time.monotonic() < end, "the cluster is not whole again"


def final_records(cluster: LocalCluster, accepted: list[str]) -> list[Submission]:
    """Return the records once all are final, or when the time for that is over."""
    end = time.monotonic() + END_SECONDS
    while True:
        records = cluster.records(accepted)
        if all(record.state.terminal for record in records) or time.monotonic() > end:
            return records
        time.sleep(1)


def seconds_until(records: list[Submission], back: datetime, *, newcomers: bool) -> float:
    """Return the seconds from ``back`` until the next result, of anything or of a submission that came after it."""
    ends = [
        record.ended_at
        for record in records
        if record.ended_at and record.ended_at >= back and (record.created_at >= back or not newcomers)
    ]
    return (min(ends) - back).total_seconds() if ends else float("inf")


@pytest.mark.timeout(500)
@pytest.mark.parametrize("fault", ["kill -9", "stopped"])
@pytest.mark.parametrize("part", PARTS)
def test_nothing_accepted_is_lost(cluster: LocalCluster, table: list[Row], part: str, fault: str) -> None:
    until_back(cluster)
    with Load(cluster.url) as load:
        time.sleep(WARM_SECONDS)
        at = datetime.now(UTC)
        hit(cluster, part, fault)
        until_back(cluster)
        back = datetime.now(UTC)
        time.sleep(AFTER_SECONDS)
    records = final_records(cluster, load.accepted)
    row = Row(
        part=part,
        fault=fault,
        accepted=len(load.accepted),
        final=sum(record.state.terminal for record in records),
        failed=sum(record.state.value == "failed" for record in records),
        doubled=doubled(records),
        refused=sum(each.retryable for each in load.sent),
        works_seconds=seconds_until(records, back, newcomers=False),
        caught_up_seconds=seconds_until(records, back, newcomers=True),
        where=dict(moments(load, records, at)),
    )
    table.append(row)
    assert row.final == row.accepted, f"lost {row.accepted - row.final}"
    assert row.doubled == 0
    assert row.failed == 0, [record.reason for record in records if record.reason][:3]
    assert len(load.accepted) + row.refused == len(load.sent), "an answer that is neither an id nor a reason to retry"
    assert row.works_seconds <= WORKS_SECONDS
