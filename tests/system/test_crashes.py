"""A part is killed or stopped under load, and no submission is lost."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from contracts.submissions.documents import Submission
from contracts.submissions.states import StepState
from deploy.local.errors import ClusterError
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client, Cluster

MANY = 50


def submit_many(client: Client, samples: Path) -> list[str]:
    lesion = (samples / "flair" / "lesion_1.png").read_bytes()
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: client.submit(lesion, "workflow_001"), range(MANY)))


def some_are_under_way(client: Client, identifiers: list[str]) -> bool:
    states = [client.fetch(identifier).status_code for identifier in identifiers]
    return 200 in states and 202 in states


def attempts(record: Submission) -> dict[str, list[str | None]]:
    """Return what each call of each step ended with: v1 says only that a submission failed."""
    return {step.name: [attempt.error for attempt in step.attempts] for step in record.steps}


def assert_all_succeeded_once(client: Client, identifiers: list[str]) -> None:
    for identifier in identifiers:
        assert client.result(identifier)["status"] == "Success", attempts(client.record(identifier))
    for record in client.cluster.records(identifiers):
        for step in record.steps:
            assert step.state is StepState.SUCCEEDED
            # A finished step that ran again would have two attempts.
            assert [attempt.error for attempt in step.attempts] == [None]


def test_a_killed_orchestrator_loses_nothing_and_repeats_no_finished_step(
    client: Client, cluster: Cluster, samples: Path
) -> None:
    identifiers = submit_many(client, samples)
    eventually(lambda: some_are_under_way(client, identifiers))
    cluster.kill("orchestrator")
    assert_all_succeeded_once(client, identifiers)
    assert any(record.lost_leases for record in cluster.records(identifiers)), "none was under way"
    client.until_ready()


def test_a_stopped_orchestrator_drains(client: Client, cluster: Cluster, samples: Path) -> None:
    identifiers = submit_many(client, samples)
    eventually(lambda: some_are_under_way(client, identifiers))
    process = psutil.Process(cluster.pid("orchestrator"))
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
    assert_all_succeeded_once(client, identifiers)
    assert not any(record.lost_leases for record in cluster.records(identifiers))
    client.until_ready()


def test_without_a_broker_submissions_are_accepted_and_run_when_it_is_back(
    client: Client, cluster: Cluster, samples: Path
) -> None:
    cluster.kill("rabbitmq")
    eventually(lambda: client.ready().status_code == 503)
    assert client.ready().json()["parts"]["broker"] == "missing"
    assert client.ready().json()["accepting"] is True
    identifier = client.submit(samples / "digits" / "digit_4.png", "workflow_000")
    client.until_ready()
    assert client.result(identifier)["prediction"]["digit"] == 4


@pytest.mark.clusters("local")  # the others keep the broker's data out of reach
def test_jobs_that_a_wiped_broker_lost_are_published_again(
    client: Client, cluster: LocalCluster, samples: Path
) -> None:
    identifiers = submit_many(client, samples)
    shutil.rmtree(cluster.home / "rabbitmq" / "data")
    cluster.kill("rabbitmq")
    assert_all_succeeded_once(client, identifiers)
    client.until_ready()


def test_a_killed_database_keeps_what_it_stored(client: Client, cluster: Cluster, samples: Path) -> None:
    identifier = client.submit(samples / "digits" / "digit_6.png", "workflow_000")
    client.result(identifier)
    cluster.kill("database")
    client.until_ready()
    assert client.result(identifier)["prediction"]["digit"] == 6
    assert client.run(samples / "digits" / "digit_8.png", "workflow_000")["prediction"]["digit"] == 8


def test_a_killed_gateway_is_restarted(client: Client, cluster: Cluster, samples: Path) -> None:
    identifier = client.submit(samples / "digits" / "digit_9.png", "workflow_000")
    cluster.kill("gateway")
    client.until_ready()
    assert client.result(identifier)["prediction"]["digit"] == 9


def test_a_killed_model_server_delays_and_fails_nothing(client: Client, cluster: Cluster, samples: Path) -> None:
    cluster.kill("torchserve")
    identifier = client.submit(samples / "flair" / "lesion_2.png", "workflow_001")
    assert client.result(identifier)["status"] == "Success", attempts(client.record(identifier))


@pytest.mark.clusters("local", "container")  # the embedded database has a watchdog
def test_a_database_that_stands_still_is_ended_and_started_again(
    client: Client, cluster: Cluster, samples: Path
) -> None:
    before = cluster.pid("database")

    def another_runs() -> bool:
        try:
            return cluster.pid("database") != before
        except (AssertionError, ClusterError):
            return False  # between the two processes there is none

    cluster.kill("database", signal.SIGSTOP)
    eventually(another_runs)
    client.until_ready()
    assert client.run(samples / "digits" / "digit_1.png", "workflow_000")["prediction"]["digit"] == 1
