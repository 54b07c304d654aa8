"""An orchestrator is stopped past its leases, and continues after another one has done its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from contracts.storage import layout
from contracts.submissions.states import StepState, SubmissionState
from tests.support.extra_processes import Extra, extra
from tests.support.local_cluster import LocalCluster
from tests.support.patience import eventually
from tests.support.system import Client

pytestmark = pytest.mark.clusters("local")  # a second orchestrator needs its database and its broker

MANY = 24
ROUNDS = 20


@pytest.fixture
def submissions(cluster: LocalCluster) -> Iterator[Collection[dict[str, Any]]]:
    """The stored submissions, to look at quickly."""
    known = cluster.environment()
    with MongoClient[dict[str, Any]](known["SHOWCASE_MONGO_URL"], tz_aware=True, timeoutMS=10_000) as opened:
        yield opened[known["SHOWCASE_MONGO_DATABASE"]][layout.SUBMISSIONS]


def caught_at_work(
    client: Client, samples: Path, submissions: Collection[dict[str, Any]], process: Extra
) -> tuple[list[str], list[str]]:
    """Stop the process while it holds submissions; return those and all that were sent."""
    lesion = (samples / "flair" / "lesion_1.png").read_bytes()
    sent: list[str] = []

    def documents() -> list[dict[str, Any]]:
        return list(submissions.find({"_id": {"$in": sent}}, {"state": 1, "lease": 1}))

    def held() -> list[str]:
        return [
            each["_id"] for each in documents() if each.get("lease", {}).get("owner", "").endswith(f":{process.pid}")
        ]

    for _ in range(ROUNDS):
        with ThreadPoolExecutor(8) as pool:
            sent += pool.map(lambda _: client.submit(lesion, "workflow_001"), range(MANY))
        eventually(lambda: held() or all(each["state"] == "succeeded" for each in documents()))
        os.kill(process.pid, signal.SIGSTOP)
        if found := held():  # from now on another's sweep alone can change them
            return found, sent
        os.kill(process.pid, signal.SIGCONT)
    raise AssertionError("it was never caught at work")


def test_an_orchestrator_stopped_past_its_leases_writes_nothing_when_it_continues(
    client: Client, cluster: LocalCluster, samples: Path, submissions: Collection[dict[str, Any]], tmp_path: Path
) -> None:
    settings = cluster.environment() | {"SHOWCASE_LEASE_SECONDS": "1"}
    with extra("orchestrator", settings, tmp_path / "stopped.log") as sleeper:
        eventually(lambda: sleeper.lines("broker connected"))
        held, sent = caught_at_work(client, samples, submissions, sleeper)
        eventually(lambda: all(each.state.terminal for each in cluster.records(sent)))
        before = cluster.records(sent)
        shown = {each: client.result(each) for each in sent}
        sleeper.process.send_signal(signal.SIGCONT)
        eventually(lambda: set(held) <= {line["submission_id"] for line in sleeper.lines("lease lost")})
        assert sleeper.stop() == 0

    assert cluster.records(sent) == before
    assert {each: client.result(each) for each in sent} == shown
    for record in before:
        assert record.state is SubmissionState.SUCCEEDED
        for step in record.steps:
            assert step.state is StepState.SUCCEEDED
            assert [attempt.error for attempt in step.attempts] == [None]
        # Claimed by the sleeper, given up for it, claimed by the other: each under a fence of its own.
        assert (record.lost_leases, record.fence) == ((1, 3) if record.id in held else (0, 1))
    client.until_ready()
