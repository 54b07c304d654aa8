"""One submission for one key: again, at once, after a crash, and not for another request."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contracts.workflows.catalogue import Catalogue
from gateway.submissions.idempotency import fingerprint_of
from tests.support.factories import png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app
from tests.unit.gateway.api.v2.test_submissions import ADDRESS, form, refused


def send(client: FlaskClient, key: str = "k-1", **fields: Any) -> TestResponse:
    return client.post(ADDRESS, data=form(**fields), headers={"Idempotency-Key": key})


def test_the_same_request_is_the_same_submission(
    client: FlaskClient, store: MemoryStore, job_publisher: GatewayPublisher
) -> None:
    first, again = send(client), send(client)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(store.documents) == len(store.images) == len(job_publisher.published) == 1


def test_a_form_and_json_that_say_the_same_are_the_same(client: FlaskClient, store: MemoryStore) -> None:
    first = send(client, metadata='{"a": "b"}', retention_days="2")
    image = base64.b64encode(png()).decode()
    body = {"image": image, "workflow": "digits", "metadata": {"a": "b"}, "retention_days": 2}
    again = client.post(ADDRESS, json=body, headers={"Idempotency-Key": "k-1"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


@pytest.mark.parametrize(
    "fields",
    [
        {"image": (io.BytesIO(png(9, 9)), "a.png")},
        {"workflow": "gated"},
        {"version": "v1.9.0"},
        {"metadata": '{"a": "b"}'},
        {"retention_days": "3"},
        {"webhook": "https://example.org/hook"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_another_request_is_refused(client: FlaskClient, store: MemoryStore, fields: dict[str, Any]) -> None:
    send(client)
    detail = refused(send(client, **fields), 422, "idempotency-conflict")
    assert "a new key" in detail
    assert len(store.documents) == 1


def test_another_key_is_another_submission(client: FlaskClient, store: MemoryStore) -> None:
    assert send(client).json != send(client, "k-2").json
    assert len(store.documents) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_what_is_no_key_is_refused(client: FlaskClient, store: MemoryStore, key: str) -> None:
    assert "1 to 255 printable ASCII" in refused(send(client, key), 400, "invalid-request")
    assert store.documents == {}


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", '"quoted"', "$where"])
def test_whatever_is_printable_is_a_key(client: FlaskClient, key: str) -> None:
    assert send(client, key).status_code == 202
    assert send(client, key).headers["Idempotency-Replayed"] == "true"


def test_of_sixteen_at_once_one_is_stored_and_all_have_it(
    app: Flask, store: MemoryStore, job_publisher: GatewayPublisher
) -> None:
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: send(app.test_client()), range(16)))
    assert [response.status_code for response in responses] == [202] * 16
    assert len({response.headers["Location"] for response in responses}) == 1
    assert len(store.documents) == len(job_publisher.published) == 1
    assert sum("Idempotency-Replayed" not in response.headers for response in responses) == 1


def test_what_was_refused_uses_no_key_up(client: FlaskClient, store: MemoryStore) -> None:
    refused(send(client, image=(io.BytesIO(b"text"), "a.png")), 400, "rejected-upload")
    refused(send(client, workflow="nothing"), 404, "unknown-workflow")
    assert send(client).status_code == 202
    assert len(store.documents) == 1


def test_a_key_without_its_submission_is_taken_over(
    client: FlaskClient, store: MemoryStore, job_publisher: GatewayPublisher
) -> None:
    """As when the gateway was killed between the two."""
    first = send(client)
    stored = store.documents.copy()
    store.documents.clear()
    job_publisher.published.clear()
    again = send(client)
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in again.headers
    assert store.documents.keys() == stored.keys()
    assert len(job_publisher.published) == 1


def test_what_was_deleted_is_not_made_again(client: FlaskClient, store: MemoryStore) -> None:
    client.delete(send(client).headers["Location"])
    refused(send(client), 410, "submission-gone")
    assert store.documents == {}


@pytest.mark.parametrize(("days", "seconds"), [("30", 24 * 3600), ("0.01", 864)])
def test_a_key_ends_after_a_day_or_with_its_submission(
    client: FlaskClient, store: MemoryStore, days: str, seconds: int
) -> None:
    first = send(client, retention_days=days)
    store.clock.advance(seconds - 1)
    assert send(client, retention_days=days).headers["Idempotency-Replayed"] == "true"
    store.clock.advance(1)
    again = send(client, retention_days=days)
    assert again.status_code == 202
    assert again.headers["Location"] != first.headers["Location"]


def test_a_full_queue_still_replays_an_accepted_request(
    store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue
) -> None:
    client = make_app(store, job_publisher, catalogue, timedelta(days=1), queue_limit=5).test_client()
    first = send(client)
    job_publisher.waits["digits"] = 5
    assert send(client).headers["Location"] == first.headers["Location"]
    refused(send(client, "k-2"), 503, "queue-full")


def test_the_fingerprint_distinguishes_images_and_fields() -> None:
    prints = [
        fingerprint_of(b"a", {}),
        fingerprint_of(b"b", {}),
        fingerprint_of(b"a", {"x": 1}),
        fingerprint_of(b"a{", {}),
    ]
    assert len(set(prints)) == 4
    assert fingerprint_of(b"a", {"x": 1, "y": 2}) == fingerprint_of(b"a", {"y": 2, "x": 1})
