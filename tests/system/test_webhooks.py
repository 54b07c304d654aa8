"""A client names a webhook when it submits, and the running cluster delivers the result to it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo import MongoClient
from standardwebhooks import Webhook as Verifier

from contracts.storage.layout import SUBMISSIONS
from tests.support.local_cluster import LocalCluster, free_ports
from tests.support.patience import PATIENCE, eventually
from tests.support.receivers import receiver
from tests.support.system import WEBHOOKS, Client

# The other clusters run in networks of their own, from where a receiver on this machine is not 127.0.0.1.
pytestmark = pytest.mark.clusters("local")

VERIFIER = Verifier(WEBHOOKS["SHOWCASE_WEBHOOK_SECRET"])


def submit(client: Client, image: Path, workflow: str, webhook: str) -> requests.Response:
    return client.http.post(
        f"{client.url}/api/v2/submissions",
        files={"image": ("picture.png", image.read_bytes())},
        data={"workflow": workflow, "webhook": webhook},
        timeout=PATIENCE,
    )


def webhook_of(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    response = client.http.get(client.url + body["urls"]["webhook"], timeout=PATIENCE)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_result_is_delivered_signed_and_with_its_addresses(client: Client, samples: Path) -> None:
    with receiver() as listening:
        address = f"http://127.0.0.1:{listening.port}/hook?who=me"
        response = submit(client, samples / "flair" / "lesion_1.png", "workflow_001", address)
        assert response.status_code == 202, response.text
        body = response.json()
        eventually(lambda: webhook_of(client, body)["state"] == "sent")
        (received,) = listening.received
        event = VERIFIER.verify(received.body, received.headers)
    assert received.path == "/hook?who=me"
    assert (event["type"], event["data"]["id"]) == ("submission.succeeded", body["id"])
    shown = client.http.get(client.url + body["urls"]["self"], timeout=PATIENCE).json()
    assert event["data"]["result"] == shown["result"]
    assert event["data"]["result"]["image"]["artifact"] == "mask.png"
    history = webhook_of(client, body)
    assert [(each["id"], each["status"]) for each in history["attempts"]] == [(received.headers["webhook-id"], 204)]


def test_a_delivery_is_retried_when_the_receiver_is_back_and_replayed_on_request(client: Client, samples: Path) -> None:
    port = free_ports(1)
    response = submit(client, samples / "digits" / "digit_7.png", "workflow_000", f"http://127.0.0.1:{port}/")
    body = response.json()
    eventually(lambda: webhook_of(client, body)["attempts"])
    failed = webhook_of(client, body)
    assert (failed["state"], failed["attempts"][0]["status"]) == ("due", None)
    assert failed["attempts"][0]["error"] == "The receiver could not be reached: Connection refused."
    with receiver(port) as listening:
        eventually(lambda: webhook_of(client, body)["state"] == "sent")
        sent = webhook_of(client, body)
        again = client.http.post(client.url + sent["urls"]["replay"], timeout=PATIENCE)
        assert again.status_code == 202, again.text
        eventually(lambda: len(webhook_of(client, body)["attempts"]) == 3)
        first, second = listening.received
    assert VERIFIER.verify(first.body, first.headers) == VERIFIER.verify(second.body, second.headers)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == sent["id"]


def test_a_delivery_of_a_killed_orchestrator_is_made_by_the_next_one(
    client: Client, cluster: LocalCluster, samples: Path
) -> None:
    with receiver() as listening:
        listening.holding = threading.Event()
        address = f"http://127.0.0.1:{listening.port}/"
        body = submit(client, samples / "digits" / "digit_7.png", "workflow_000", address).json()
        eventually(lambda: listening.received)
        assert webhook_of(client, body)["attempts"] == []
        cluster.kill("orchestrator")
        listening.holding.set()
        # The killed orchestrator holds the delivery for another 90 seconds; the test makes it due now.
        settings = cluster.environment()
        with MongoClient[Any](settings["SHOWCASE_MONGO_URL"], serverMonitoringMode="poll") as store:
            submissions = store[settings["SHOWCASE_MONGO_DATABASE"]][SUBMISSIONS]
            submissions.update_one({"_id": body["id"]}, [{"$set": {"webhook.due_at": "$$NOW"}}])
        eventually(lambda: webhook_of(client, body)["state"] == "sent")
        first, second = listening.received
    assert VERIFIER.verify(first.body, first.headers) == VERIFIER.verify(second.body, second.headers)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/", "http://127.0.0.2/", "http://localhost/", "x"])
def test_a_webhook_into_the_operators_network_is_refused(client: Client, samples: Path, address: str) -> None:
    response = submit(client, samples / "digits" / "digit_7.png", "workflow_000", address)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid-webhook"
