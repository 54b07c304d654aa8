"""Health names the part that is missing and what that means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue
from gateway.catalogue.models import ModelDirectory
from gateway.submissions.quota import Count, StorageQuota, Stored
from tests.support.factories import NOW
from tests.support.fake_orchestrators import MemoryOrchestrators, model_report, working
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import make_app

NOTHING_STORED = {
    "submissions": 0,
    "submissions_limit": None,
    "bytes": 0,
    "bytes_limit": None,
    "counted_until": None,
}


def test_the_process_is_alive_whatever_is_missing(
    client: FlaskClient, store: MemoryStore, job_publisher: FakeJobPublisher
) -> None:
    store.away = job_publisher.away = True
    for path in ("/health/live", "/health/live/"):
        response = client.get(path)
        assert (response.status_code, response.json) == (200, {"status": "alive"})


def test_with_everything_there_it_is_ready(client: FlaskClient) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json is not None
    assert (response.json["status"], response.json["accepting"]) == ("ready", True)
    assert set(response.json["parts"].values()) == {"ready"}
    assert list(response.json["parts"]) == ["store", "broker", "orchestrator", "models"]
    assert "message" not in response.json
    assert response.json["stored"] == NOTHING_STORED
    assert response.json["orchestrators"]["recent_crashes"] == 0
    assert response.json["orchestrators"]["working"][0]["swept_at"] == "2026-03-01T12:00:00Z"
    assert response.json["models"][0] == {
        "name": "classifier",
        "version": "1.2.0",
        "ready": True,
        "address": "http://models",
        "state": "answering",
        "breaker": "closed",
        "checked_at": "2026-03-01T12:00:00Z",
        "reason": None,
    }


def test_without_the_store_nothing_is_accepted(client: FlaskClient, store: MemoryStore) -> None:
    store.away = True
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json == {
        "status": "not ready",
        "accepting": False,
        "parts": {"store": "missing", "broker": "ready", "orchestrator": "ready", "models": "unknown"},
        "message": "The database does not answer: the gateway can neither accept nor read submissions.",
        "stored": NOTHING_STORED,
    }


def test_without_the_broker_the_orchestrators_state_is_unknown(
    client: FlaskClient, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.away = True
    body = client.get("/health/ready/").json
    assert body is not None
    assert body["accepting"] is True
    assert (body["parts"]["broker"], body["parts"]["orchestrator"]) == ("missing", "unknown")
    assert body["message"] == (
        "The message broker does not answer: submissions are accepted and wait until it is back."
    )


@pytest.fixture
def deserted(store: MemoryStore, catalogue: Catalogue) -> Flask:
    class Deserted(FakeJobPublisher):
        has_consumers = False  # the broker is connected and no queue has a consumer

    return make_app(store, Deserted(), catalogue)


def test_without_an_orchestrator_submissions_wait(deserted: Flask) -> None:
    response = deserted.test_client().get("/health/ready")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["parts"]["orchestrator"] == "missing"
    assert response.json["message"] == "No orchestrator listens: submissions are accepted and wait until one does."


@pytest.fixture
def reports(store: MemoryStore) -> MemoryOrchestrators:
    return MemoryOrchestrators(store)


@pytest.fixture
def reported(
    store: MemoryStore, job_publisher: FakeJobPublisher, catalogue: Catalogue, reports: MemoryOrchestrators
) -> FlaskClient:
    return make_app(store, job_publisher, catalogue, orchestrators=reports).test_client()


def test_an_orchestrator_that_only_listens_does_not_work(
    reported: FlaskClient, reports: MemoryOrchestrators, store: MemoryStore
) -> None:
    reports.report(working(store.now() - timedelta(minutes=1), []))  # frozen: its connection to the broker lives on
    response = reported.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["parts"] == {
        "store": "ready",
        "broker": "ready",
        "orchestrator": "missing",
        "models": "unknown",
    }
    assert response.get_json()["message"] == (
        "No orchestrator has done its work within the last 15 s. Meanwhile submissions are accepted and wait."
    )


def test_a_model_server_that_hangs_is_named(
    reported: FlaskClient, reports: MemoryOrchestrators, store: MemoryStore, catalogue: Catalogue
) -> None:
    now = store.now()
    pins = ModelDirectory(catalogue).pins
    frozen = {"reason": "it did not answer its ping within 2 s.", "state": ServedState.FAILING}
    hung = [model_report(pin, now, **frozen) for pin in pins[:2]]
    reports.report(working(now, [*hung, *(model_report(pin, now) for pin in pins[2:])]))
    response = reported.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["parts"]["models"] == "missing"
    assert response.get_json()["message"] == (
        f"{pins[0]}, {pins[1]} cannot be called: its server http://models does not answer: it did not answer its ping "
        "within 2 s. Meanwhile submissions are accepted and wait."
    )
    assert [each["ready"] for each in response.get_json()["models"]] == [False, False, True]


def test_with_a_full_queue_it_is_ready_and_accepts_nothing(
    client: FlaskClient, job_publisher: FakeJobPublisher
) -> None:
    job_publisher.waits["digits"] = 100
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json is not None
    assert (response.json["status"], response.json["accepting"]) == ("ready", False)
    assert response.json["message"] == (
        "Too many submissions wait: the gateway refuses further ones of digits until fewer do."
    )


def test_without_a_broker_too_much_waits_at_last(client: FlaskClient, job_publisher: FakeJobPublisher) -> None:
    job_publisher.away, job_publisher.waits["digits"] = True, 100
    body = client.get("/health/ready").json
    assert body is not None
    assert body["accepting"] is False
    assert body["message"].startswith(
        "The message broker does not answer: what was accepted waits until it is back. Too many submissions wait"
    )


def test_readiness_is_not_cached(client: FlaskClient) -> None:
    assert client.get("/health/ready").headers["Cache-Control"] == "no-store"


def test_with_a_full_store_it_is_ready_and_accepts_nothing(store: MemoryStore, catalogue: Catalogue) -> None:
    quota = StorageQuota(bytes_limit=2 * 2**30, submissions_limit=5)
    quota.follow(Count(Stored(3, 2 * 2**30), NOW))
    app = make_app(store, FakeJobPublisher(), catalogue, quota=quota)
    response = app.test_client().get("/health/ready")
    assert response.status_code == 200
    assert response.json is not None
    assert (response.json["status"], response.json["accepting"]) == ("ready", False)
    assert response.json["stored"] == {
        "submissions": 3,
        "submissions_limit": 5,
        "bytes": 2 * 2**30,
        "bytes_limit": 2 * 2**30,
        "counted_until": NOW.isoformat(),
    }
    assert response.json["message"] == (
        "2.0 GiB of 2.0 GiB are stored, which is the limit. The gateway refuses further submissions until some are "
        "deleted or expire."
    )
