"""Submitting to v2 and looking at the resource."""

from __future__ import annotations

import base64
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contracts.submissions.events import numbered
from tests.support.factories import png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher

ADDRESS = "/api/v2/submissions"


def form(**fields: Any) -> dict[str, Any]:
    return {"image": (io.BytesIO(png()), "a picture.png"), "workflow": "digits"} | fields


def submit(client: FlaskClient, **fields: Any) -> TestResponse:
    return client.post(ADDRESS, data=form(**fields))


def refused(response: TestResponse, status: int, code: str) -> str:
    assert response.status_code == status
    assert response.json is not None
    assert response.json["code"] == code
    return str(response.json["detail"])


def test_a_form_becomes_a_queued_resource_that_can_be_fetched(
    client: FlaskClient, job_publisher: GatewayPublisher
) -> None:
    response = submit(client, metadata='{"patient": "17"}')
    assert response.status_code == 202
    body = response.json
    assert body is not None
    assert response.headers["Location"] == body["urls"]["self"] == f"{ADDRESS}/{body['id']}"
    assert response.headers["Retry-After"] == "1"
    assert (body["state"], body["workflow"]["version"]) == ("queued", "v1.0.0")
    assert body["metadata"] == {"patient": "17"}
    assert body["input"]["file_name"] == "a picture.png"
    assert body["queue"] == {"position": 0, "estimated_seconds": None}
    assert job_publisher.published == [(body["id"], 0.0)]
    assert client.get(body["urls"]["self"]).json == body


def test_json_with_base64_is_the_same(client: FlaskClient, store: MemoryStore) -> None:
    image = base64.b64encode(png()).decode()
    response = client.post(ADDRESS, json={"image": image, "workflow": "digits", "metadata": {"a": "b"}})
    assert response.status_code == 202
    assert response.json is not None
    picture = store.image(response.json["id"], "input")
    assert picture is not None
    assert picture.data == png()


def test_a_version_or_alias_can_be_named(client: FlaskClient) -> None:
    for version, expected in [("v1.9.0", "v1.9.0"), ("stable", "v1.0.0")]:
        response = submit(client, version=version)
        assert response.json is not None
        assert response.json["workflow"]["version"] == expected
    assert "v7.0.0" in refused(submit(client, version="v7.0.0"), 404, "unknown-workflow")


def test_the_first_event_is_numbered_one(client: FlaskClient, store: MemoryStore) -> None:
    body = submit(client).json
    assert body is not None
    stored = store.fetch(body["id"])
    assert stored is not None
    assert [(each.number, each.event.type) for each in numbered(stored)] == [(1, "submission.queued")]


def test_a_submission_may_have_its_own_retention(client: FlaskClient, store: MemoryStore) -> None:
    body = submit(client, retention_days="0.5").json
    assert body is not None
    stored = store.fetch(body["id"])
    assert stored is not None
    assert stored.expires_at == stored.created_at + timedelta(hours=12)


@pytest.mark.parametrize("days", ["0.000000000001", "0.3333333", "1e-300"])
def test_a_retention_however_short_is_kept_in_whole_milliseconds(
    client: FlaskClient, store: MemoryStore, days: str
) -> None:
    body = submit(client, retention_days=days).json
    assert body is not None
    stored = store.fetch(body["id"])
    assert stored is not None
    assert stored.expires_at is not None
    assert stored.expires_at <= stored.created_at + timedelta(days=float(days))
    assert stored.expires_at.microsecond % 1000 == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"workflow": ""}, "'workflow'"),
        ({"metadata": "{"}, "not JSON"),
        ({"metadata": "[]"}, "'metadata'"),
        ({"metadata": json.dumps({"a": 1})}, "'metadata.a'"),
        ({"metadata": json.dumps({"$a": "b"})}, "'metadata.$a'"),
        ({"metadata": json.dumps({f"k{n}": "v" for n in range(17)})}, "16"),
        ({"retention_days": "soon"}, "no number"),
        ({"retention_days": "nan"}, "no number"),
        ({"retention_days": "-1"}, "'retention_days'"),
        ({"priority": "1"}, "'priority'"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(
    client: FlaskClient, store: MemoryStore, fields: dict[str, str], words: str
) -> None:
    assert words in refused(submit(client, **fields), 400, "invalid-request")
    assert store.documents == {}


def test_what_is_no_submission_is_refused(client: FlaskClient, store: MemoryStore) -> None:
    assert "image" in refused(
        client.post(ADDRESS, data={"workflow": "digits"}, content_type="multipart/form-data"), 400, "invalid-request"
    )
    assert "base64" in refused(client.post(ADDRESS, json={"workflow": "digits", "image": "*"}), 400, "invalid-request")
    refused(client.post(ADDRESS, data="{", content_type="application/json"), 400, "invalid-request")
    refused(client.post(ADDRESS, json=[1]), 400, "invalid-request")
    refused(client.post(ADDRESS, data=b"x", content_type="text/plain"), 415, "unsupported-media-type")
    refused(submit(client, workflow="nothing"), 404, "unknown-workflow")
    refused(client.post(ADDRESS, data=form(image=(io.BytesIO(b"text"), "a.png"))), 400, "rejected-upload")
    assert store.documents == {}


@pytest.mark.parametrize("name", ["x", "8a8dce6b-b926-48d6-9700-dddc53af9e71", "%00"])
def test_what_is_not_stored_is_404(client: FlaskClient, name: str) -> None:
    refused(client.get(f"{ADDRESS}/{name}"), 404, "unknown-submission")


def test_a_resource_that_the_client_has_is_304(client: FlaskClient) -> None:
    first = client.get(submit(client).headers["Location"])
    again = client.get(first.request.path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_openapi_document_describes_what_there_is(client: FlaskClient) -> None:
    document = client.get("/api/v2/openapi.json").json
    assert document is not None
    assert document["openapi"].startswith("3.1")
    assert {ADDRESS, ADDRESS + "/{submission_id}"} <= document["paths"].keys()
    assert {"get", "post"} <= document["paths"][ADDRESS].keys()
    body = document["paths"][ADDRESS]["post"]["requestBody"]["content"]
    assert body.keys() == {"multipart/form-data", "application/json"}
