"""The database can no longer write, while submissions are under way."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import requests

from contracts.submissions.states import SubmissionState
from tests.support.local_cluster import LocalCluster
from tests.support.patience import eventually
from tests.support.system import Client

pytestmark = pytest.mark.clusters("local")  # the others keep their database's process out of reach


def test_a_database_that_cannot_write_is_reported_and_nothing_is_half_written(
    client: Client, cluster: LocalCluster, samples: Path
) -> None:
    """A limit on the size of files stands for a full disk; unlike a full disk, it needs no privileges."""
    digit = samples / "digits" / "digit_5.png"
    accepted = [client.submit(digit, "workflow_000") for _ in range(20)]
    process = psutil.Process(cluster.pid("database"))
    _, most = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (1, most))
    refusals: list[requests.Response] = []

    def refused() -> list[requests.Response]:
        answer = client.send(digit, "workflow_000")
        (accepted.append(answer.json()["submission_id"]) if answer.ok else refusals.append(answer))
        return refusals

    eventually(refused)
    assert refusals[0].status_code == 503
    assert "Try again" in refusals[0].json()["message"]
    assert refusals[0].headers["Retry-After"]
    assert not client.ready().ok

    client.until_ready()  # the restarted process has no limit, like a disk that was freed
    assert not process.is_running()
    for each in accepted:
        assert client.result(each)["prediction"]["digit"] == 5
    for record in cluster.records(accepted):
        assert (record.state, record.lost_leases) == (SubmissionState.SUCCEEDED, 0)
    assert client.run(digit, "workflow_000")["prediction"]["digit"] == 5
