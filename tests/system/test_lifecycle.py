"""Clients cancel, retry, delete and repeat submissions, on any gateway and at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from pymongo import MongoClient

from contracts.storage import layout
from contracts.submissions.states import StepState, SubmissionState
from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster, free_ports
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client

LESION = (CHECKOUT / "samples" / "flair" / "lesion_1.png").read_bytes()
DIGIT = (CHECKOUT / "samples" / "digits" / "digit_7.png").read_bytes()

pytestmark = pytest.mark.clusters("local")


def submit(url: str, image: bytes, workflow: str, **headers: str) -> requests.Response:
    address = f"{url}/api/v2/submissions"
    response = requests.post(
        address,
        files={"image": ("x.png", image)},
        data={"workflow": workflow},
        headers=headers,
        timeout=PATIENCE,
    )
    assert response.status_code in {200, 202}, response.text
    return response


def ask(client: Client, address: str, method: str = "GET", wait: int = 0) -> requests.Response:
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    return requests.request(method, client.url + address, headers=headers, timeout=PATIENCE)


def state(client: Client, urls: dict[str, str]) -> str:
    return str(ask(client, urls["self"]).json()["state"])


@contextmanager
def stopped(cluster: LocalCluster, part: str) -> Iterator[None]:
    """Stop the part's process with SIGSTOP, as an overloaded machine would, until the context is left."""
    number = cluster.pid(part)
    os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(number, signal.SIGCONT)


@contextmanager
def orchestrator(cluster: LocalCluster, **settings: str) -> Iterator[None]:
    """One more orchestrator, with settings of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator"], cwd=CHECKOUT, env=os.environ | cluster.environment() | settings
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def pictures(cluster: LocalCluster, submission_id: str, *names: str) -> list[str]:
    known = cluster.environment()
    with MongoClient[Any](known["SHOWCASE_MONGO_URL"], timeoutMS=10_000) as database:
        images = database[known["SHOWCASE_MONGO_DATABASE"]][layout.IMAGES]
        return [name for name in names if images.find_one({"_id": f"{submission_id}/{name}"}, {"_id": 1})]


def noticed(cluster: LocalCluster, submission_id: str) -> bool:
    """Return whether the orchestrator has logged that it lost the submission's lease."""
    return any("lease lost" in line and submission_id in line for line in cluster.log("orchestrator").splitlines())


def test_a_queued_submission_is_canceled_and_never_runs(client: Client, cluster: LocalCluster) -> None:
    with stopped(cluster, "orchestrator"):
        urls = submit(client.url, DIGIT, "workflow_000").json()["urls"]
        response = ask(client, urls["cancel"], "POST")
        assert (response.status_code, response.json()["state"]) == (200, "canceled")
        assert ask(client, urls["cancel"], "POST").json() == response.json()
    # What came after it in the same queue has run: its own message has been read by then.
    assert client.run(DIGIT, "workflow_000")["prediction"]["digit"] == 7
    record = client.record(response.json()["id"])
    assert (record.state, record.started_at) == (SubmissionState.CANCELED, None)
    body = client.fetch(record.id).json()
    assert (body["status"], body["message"]) == ("Failure", "It was canceled on request.")


def test_a_running_submission_is_canceled_at_once_and_stays_canceled(
    client: Client, cluster: LocalCluster, other: str
) -> None:
    with stopped(cluster, "torchserve"), ThreadPoolExecutor(1) as pool:
        resource = submit(client.url, DIGIT, "workflow_000").json()
        urls = resource["urls"]
        waiting = pool.submit(requests.get, other + urls["self"], headers={"Prefer": "wait=60"}, timeout=PATIENCE)
        eventually(lambda: state(client, urls) == "running")
        assert ask(client, urls["cancel"], "POST").json()["state"] == "canceled"
        # A request that waits at another gateway is answered while the model still holds the call.
        assert waiting.result(timeout=PATIENCE).json()["state"] == "canceled"
    eventually(lambda: noticed(cluster, resource["id"]))
    record = client.record(resource["id"])
    assert (record.state, record.lost_leases, record.due_at) == (SubmissionState.CANCELED, 0, None)
    assert client.run(DIGIT, "workflow_000")["prediction"]["digit"] == 7


def test_a_submission_that_failed_without_its_model_is_retried_from_its_checkpoint(
    client: Client, cluster: LocalCluster
) -> None:
    away = f"http://127.0.0.1:{free_ports(1)}"
    servers = cluster.environment()["SHOWCASE_MODEL_SERVERS"]
    impatient = {
        "SHOWCASE_MODEL_SERVERS": f"{servers},bms_flair_abnormality_segmentation={away}",
        "SHOWCASE_PATIENCE_SECONDS": "1",
    }
    with stopped(cluster, "orchestrator"), orchestrator(cluster, **impatient):
        urls = submit(client.url, LESION, "workflow_001").json()["urls"]
        failed = ask(client, urls["self"], wait=60).json()
        assert failed["state"] == "failed", failed
        assert "The step segmentation failed" in failed["reason"]
    before = client.record(failed["id"])
    response = ask(client, urls["retry"], "POST")
    assert response.status_code == 202
    assert response.json()["state"] in {"queued", "running", "succeeded"}
    done = ask(client, urls["self"], wait=60).json()
    assert (done["state"], done["result"]["label"]) == ("succeeded", "abnormality")
    after = client.record(done["id"])
    assert after.step("classification") == before.step("classification")
    tried = before.step("segmentation")
    assert after.step("segmentation").attempts[: len(tried.attempts)] == tried.attempts
    assert after.step("segmentation").state is StepState.SUCCEEDED
    assert after.retries == 1
    assert ask(client, urls["retry"], "POST").status_code == 409


def test_a_deleted_submission_is_gone_from_every_gateway(client: Client, cluster: LocalCluster, other: str) -> None:
    done = submit(client.url, LESION, "workflow_001", Prefer="wait=60").json()
    assert done["state"] == "succeeded"
    assert pictures(cluster, done["id"], "input", "mask.png") == ["input", "mask.png"]
    assert ask(client, done["urls"]["cancel"], "POST").status_code == 409
    assert requests.delete(other + done["urls"]["self"], timeout=PATIENCE).status_code == 204
    for url in (client.url, other):
        assert requests.get(url + done["urls"]["self"], timeout=PATIENCE).status_code == 410
    assert pictures(cluster, done["id"], "input", "mask.png") == []


def test_a_submission_that_is_deleted_while_it_runs_leaves_nothing(client: Client, cluster: LocalCluster) -> None:
    with stopped(cluster, "torchserve"):
        resource = submit(client.url, LESION, "workflow_001").json()
        eventually(lambda: state(client, resource["urls"]) == "running")
        assert ask(client, resource["urls"]["self"], "DELETE").status_code == 204
        assert ask(client, resource["urls"]["self"]).status_code == 410
    eventually(lambda: noticed(cluster, resource["id"]))
    assert pictures(cluster, resource["id"], "input", "mask.png") == []


def test_sixteen_requests_with_one_key_at_two_gateways_are_one_submission(client: Client, other: str) -> None:
    key = {"Idempotency-Key": os.urandom(8).hex()}
    with ThreadPoolExecutor(16) as pool:
        urls = [client.url, other] * 8
        responses = list(pool.map(lambda url: submit(url, DIGIT, "workflow_000", **key), urls))
    assert len({response.headers["Location"] for response in responses}) == 1
    assert sum("Idempotency-Replayed" not in response.headers for response in responses) == 1
    conflict = requests.post(
        f"{other}/api/v2/submissions",
        files={"image": ("x.png", LESION)},
        data={"workflow": "workflow_000"},
        headers=key,
        timeout=PATIENCE,
    )
    assert (conflict.status_code, conflict.json()["code"]) == (422, "idempotency-conflict")
    done = requests.get(
        other + responses[0].headers["Location"], headers={"Prefer": "wait=60"}, timeout=PATIENCE
    ).json()
    assert (done["state"], done["steps"][0]["tries"]) == ("succeeded", 1)
