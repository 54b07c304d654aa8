"""What v2 returns: lists, pictures, records, exports, and 410 for a deleted or expired submission."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from contracts.submissions.documents import Artifact, Attempt, Gate, Submission
from contracts.submissions.events import submission_event
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from contracts.submissions.tombstones import GoneReason, Tombstone
from contracts.workflows.catalogue import Catalogue
from gateway.api.v2.submission_lists import MAX_LIMIT
from gateway.submissions.export import MAX_CONCURRENT_EXPORTS
from tests.support.factories import GATED, NOW, encoded, make_submission, make_workflow, png
from tests.support.fake_data import MemoryTombstones
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import make_app

IMAGE = png(32, 32, colour=(10, 100, 200))
MASK = encoded(Image.fromarray(np.pad(np.full((8, 8), 255, np.uint8), 12)), "PNG")


def stored(store: MemoryStore, age: float = 0.0, image: bytes = IMAGE, **changes: Any) -> Submission:
    submission = make_submission(make_workflow(GATED), created_at=NOW - timedelta(seconds=age), **changes)
    submission.input.sha256 = hashlib.sha256(image).hexdigest()
    store.accept(submission, image)
    return submission


def outlined(store: MemoryStore, **changes: Any) -> Submission:
    artifact = Artifact(name="mask.png", media_type="image/png", bytes=len(MASK))
    steps = make_workflow(GATED).fresh_steps()
    steps[1].output = {"mask": {"artifact": "mask.png"}}
    values = {"state": SubmissionState.SUCCEEDED, "artifacts": [artifact], "steps": steps} | changes
    submission = stored(store, result={"label": "abnormality", "image": {"artifact": "mask.png"}}, **values)
    store.images[f"{submission.id}/mask.png"] = StoredImage("image/png", MASK)
    return submission


def url(submission: Submission, *parts: str) -> str:
    return "/".join(("/api/v2/submissions", submission.id, *parts))


def is_problem(response: TestResponse, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["code"] == code
    return str(response.get_json()["detail"])


# lists


def test_a_list_is_newest_first_and_links_to_the_next_page(client: FlaskClient, store: MemoryStore) -> None:
    known = [stored(store, age).id for age in range(5)]
    shown: list[str] = []
    address: str | None = "/api/v2/submissions?limit=2"
    while address:
        response = client.get(address)
        assert response.status_code == 200
        shown += [each["id"] for each in response.get_json()["items"]]
        link = response.headers.get("Link")
        assert (link is None) == (response.get_json()["next"] is None)
        address = link and link.removeprefix("<").removesuffix('>; rel="next"')
    assert shown == known


def test_filters_combine_and_go_on_with_the_link(client: FlaskClient, store: MemoryStore) -> None:
    wanted = [stored(store, age, state=SubmissionState.FAILED, metadata={"ward": "a&b"}) for age in (1, 2, 3)]
    stored(store, 1.5, state=SubmissionState.FAILED, metadata={"ward": "c"})
    stored(store, 1.7, metadata={"ward": "a&b"})
    query = {"state": "failed", "metadata.ward": "a&b", "workflow": "gated", "limit": "2"}
    first = client.get("/api/v2/submissions", query_string=query)
    assert [each["id"] for each in first.get_json()["items"]] == [each.id for each in wanted[:2]]
    second = client.get(first.headers["Link"].split(">")[0][1:])
    assert [each["id"] for each in second.get_json()["items"]] == [wanted[2].id]
    assert second.get_json()["next"] is None


def test_times_are_read_with_their_zone_and_with_an_unescaped_plus(client: FlaskClient, store: MemoryStore) -> None:
    stored(store, 10)
    inside = stored(store, 5)
    stored(store, 0)
    query = "created_after=2026-03-01T12:59:52+01:00&created_before=2026-03-01T11:59:59Z"
    response = client.get(f"/api/v2/submissions?{query}")
    assert [each["id"] for each in response.get_json()["items"]] == [inside.id]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        f"limit={MAX_LIMIT + 1}",
        "limit=x",
        "limit=5.0",
        "limit=",
        "state=done",
        "state=",
        "cursor=x",
        "cursor=",
        "workflow=",
    ]
    + [
        "created_after=yesterday",
        "created_after=1700000000",
        "created_before=2026-03-01T12:00:00",
        "limt=5",
        "metadata.=x",
    ]
    + ["metadata.a.b=x", "metadata.$x=1", "created_after=0000-01-01T00:00:00Z", "created_before=2026-13-01T00:00:00Z"]
    + ["created_after=0001-01-01T00:00:00%2B23:59&created_before=9999-12-31T23:59:59-23:59&limit=no"],
)
def test_an_invalid_query_is_refused(client: FlaskClient, query: str) -> None:
    assert is_problem(client.get(f"/api/v2/submissions?{query}"), 400, "invalid-request")


def test_the_ends_of_time_are_times(client: FlaskClient, store: MemoryStore) -> None:
    submission = stored(store)
    query = "created_after=0001-01-01T00:00:00%2B23:59&created_before=9999-12-31T23:59:59-23:59"
    assert [each["id"] for each in client.get(f"/api/v2/submissions?{query}").get_json()["items"]] == [submission.id]


# pictures


def test_the_input_comes_back_byte_for_byte(client: FlaskClient, store: MemoryStore) -> None:
    submission = stored(store)
    response = client.get(url(submission, "input"))
    assert response.data == IMAGE
    assert response.mimetype == "image/png"
    assert response.headers["ETag"] == f'"{hashlib.sha256(IMAGE).hexdigest()}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in response.headers["Cache-Control"]
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Disposition"] == "inline; filename=x.png"
    again = client.get(url(submission, "input"), headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_cache_holds_the_input_no_longer_than_the_submission_exists(client: FlaskClient, store: MemoryStore) -> None:
    submission = stored(store, expires_at=NOW + timedelta(seconds=90))
    assert "max-age=90," in client.get(url(submission, "input")).headers["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=5-", 206, 5, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=0-99999", 206, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("lines=1-2", 200, 0, None),
        ("bytes=x-y", 200, 0, None),
    ],
)
def test_a_range_is_a_part_of_it(
    client: FlaskClient, store: MemoryStore, asked: str, status: int, first: int, last: int | None
) -> None:
    response = client.get(url(stored(store), "input"), headers={"Range": asked})
    assert response.status_code == status
    assert response.data == IMAGE[first:last]
    if status == 206:
        begin, length = IMAGE.index(response.data), len(response.data)
        assert response.headers["Content-Range"] == f"bytes {begin}-{begin + length - 1}/{len(IMAGE)}"


def test_a_range_behind_the_end_is_416_with_the_length(client: FlaskClient, store: MemoryStore) -> None:
    response = client.get(url(stored(store), "input"), headers={"Range": f"bytes={len(IMAGE)}-"})
    is_problem(response, 416, "range-not-satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(IMAGE)}"


def test_a_range_of_what_has_changed_since_is_the_whole(client: FlaskClient, store: MemoryStore) -> None:
    submission = stored(store)
    headers = {"Range": "bytes=0-4", "If-Range": '"another"'}
    assert client.get(url(submission, "input"), headers=headers).data == IMAGE
    headers["If-Range"] = f'"{hashlib.sha256(IMAGE).hexdigest()}"'
    assert client.get(url(submission, "input"), headers=headers).data == IMAGE[:5]


def test_a_head_request_returns_the_length_and_no_body(client: FlaskClient, store: MemoryStore) -> None:
    response = client.head(url(stored(store), "input"), headers={"Range": "bytes=0-4"})
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == str(len(IMAGE))


@pytest.mark.parametrize(
    "name",
    ['../../etc/x"\r\nSet-Cookie: a=b.png', "C:\\temp\\scan.png", "", "...", "\u202egnp.exe", "é" * 300, "a;b.png"],
)
def test_any_file_name_makes_a_harmless_header(client: FlaskClient, store: MemoryStore, name: str) -> None:
    submission = make_submission(make_workflow(GATED))
    submission.input.file_name = name
    store.accept(submission, IMAGE)
    response = client.get(url(submission, "input"))
    assert response.status_code == 200
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("inline; filename")
    assert "Set-Cookie" not in response.headers
    assert not set(disposition) & set("\r\n/\\\u202e")


def test_a_mask_and_its_overlay_are_listed_and_served(client: FlaskClient, store: MemoryStore) -> None:
    submission = outlined(store)
    items = client.get(url(submission, "artifacts")).get_json()["items"]
    assert [(each["name"], each["bytes"]) for each in items] == [("mask.png", len(MASK)), ("overlay.png", None)]
    assert client.get(items[0]["url"]).data == MASK
    drawn = client.get(items[1]["url"])
    with Image.open(io.BytesIO(drawn.data)) as image:
        assert image.size == (32, 32)
        assert image.getpixel((0, 0)) == (100, 100, 100)
        assert image.getpixel((12, 12)) == (255, 221, 0)
    again = client.get(items[1]["url"], headers={"If-None-Match": drawn.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    part = client.get(items[1]["url"], headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.data) == (206, drawn.data[:8])


def test_without_a_description_of_its_model_a_mask_has_no_overlay(
    store: MemoryStore, job_publisher: FakeJobPublisher, catalogue: Catalogue
) -> None:
    submission = outlined(store)
    client = make_app(store, job_publisher, catalogue).test_client()
    listed = client.get(url(submission, "artifacts")).json
    assert listed is not None
    assert [each["name"] for each in listed["items"]] == ["mask.png"]
    detail = is_problem(client.get(url(submission, "artifacts", "overlay.png")), 404, "unknown-artifact")
    assert "'overlay.png'" in detail


def test_a_picture_of_an_unfinished_one_may_still_change(client: FlaskClient, store: MemoryStore) -> None:
    submission = outlined(store, state=SubmissionState.RUNNING)
    for name in ("mask.png", "overlay.png"):
        assert client.get(url(submission, "artifacts", name)).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("name", ["mask.png", "overlay.png", "input", "..", "%2e%2e%2finput", "x" * 300])
def test_a_picture_that_does_not_exist_is_404(client: FlaskClient, store: MemoryStore, name: str) -> None:
    submission = stored(store)
    response = client.get(url(submission, "artifacts", name))
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_an_artifact_that_is_no_picture_is_served_as_a_download(client: FlaskClient, store: MemoryStore) -> None:
    artifact = Artifact(name="page.html", media_type="text/html", bytes=5)
    submission = stored(store, artifacts=[artifact])
    store.images[f"{submission.id}/page.html"] = StoredImage("text/html", b"<b>x")
    response = client.get(url(submission, "artifacts", "page.html"))
    assert response.headers["Content-Disposition"].startswith("attachment")


# records


def test_the_record_says_what_ran_and_why_not(client: FlaskClient, store: MemoryStore) -> None:
    submission = make_submission(make_workflow(GATED), state=SubmissionState.SUCCEEDED, fence=1)
    first, second = submission.steps
    first.state, first.output = StepState.SUCCEEDED, {"label": "no_abnormality"}
    first.record(
        Attempt(
            started_at=NOW, ended_at=NOW + timedelta(seconds=2), error="busy", server="http://me:secret@model:8080/x"
        )
    )
    first.record(Attempt(started_at=NOW, ended_at=NOW + timedelta(seconds=1), server="http://model:8080"))
    second.state = StepState.SKIPPED
    second.gate = Gate(
        expression="classification.label == 'abnormality'",
        value=False,
        inputs={"classification": {"label": "no_abnormality"}},
    )
    submission.started_at, submission.ended_at = NOW + timedelta(seconds=1), NOW + timedelta(seconds=5)
    submission.events = [submission_event(SubmissionState.QUEUED, NOW), submission_event(SubmissionState.RUNNING, NOW)]
    submission.event_count = 7
    store.accept(submission, IMAGE)
    body = client.get(url(submission, "record")).get_json()
    assert body["workflow"] == submission.workflow.model_dump() | {"draft": False}
    assert body["timings"] == {"waited": 1.0, "ran": 4.0, "models": 3.0}
    ran, skipped = body["steps"]
    assert (ran["tries"], [each["error"] for each in ran["attempts"]]) == (2, ["busy", None])
    assert [each["server"] for each in ran["attempts"]] == ["http://model:8080/x", "http://model:8080"]
    assert (skipped["state"], skipped["attempts"]) == ("skipped", [])
    assert skipped["gate"]["value"] is False
    assert skipped["gate"]["inputs"] == {"classification": {"label": "no_abnormality"}}
    assert [each["id"] for each in body["events"]] == [6, 7]


# exports


def test_an_export_holds_what_a_list_shows(client: FlaskClient, store: MemoryStore) -> None:
    for age in range(450):
        stored(store, age * 0.01)
    response = client.get("/api/v2/export?format=ndjson")
    assert response.mimetype == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    shown = client.get("/api/v2/submissions?limit=200").get_json()["items"]
    assert [each["id"] for each in lines[:200]] == [each["id"] for each in shown]
    assert lines[0] == shown[0]
    assert len({each["id"] for each in lines}) == 450


def test_an_export_as_csv_has_the_filters_of_a_list(client: FlaskClient, store: MemoryStore) -> None:
    stored(store, 1, state=SubmissionState.FAILED, reason="=cmd()")
    wanted = outlined(store)
    response = client.get("/api/v2/export?format=csv&state=succeeded")
    assert response.headers["Content-Disposition"] == 'attachment; filename="submissions.csv"'
    (line,) = csv.DictReader(io.StringIO(response.text, newline=""))
    assert (line["id"], line["result.label"], line["result.image"]) == (wanted.id, "abnormality", "mask.png")
    (line,) = csv.DictReader(io.StringIO(client.get("/api/v2/export?format=csv&state=failed").text, newline=""))
    assert line["reason"] == "'=cmd()"


def test_exports_are_limited_and_an_abandoned_one_frees_its_slot(client: FlaskClient, store: MemoryStore) -> None:
    for age in range(500):
        stored(store, age)
    running = [client.get("/api/v2/export") for _ in range(MAX_CONCURRENT_EXPORTS)]
    refused = client.get("/api/v2/export")
    is_problem(refused, 503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    running[0].close()
    running[1].close()
    for _ in range(MAX_CONCURRENT_EXPORTS + 1):
        assert client.get("/api/v2/export?format=csv", buffered=True).text.count("\n") == 501
        assert client.head("/api/v2/export", buffered=True).status_code == 200


@pytest.mark.parametrize("query", ["format=xml", "limit=5", "cursor=abc", "state=x"])
def test_an_invalid_export_is_refused_and_holds_no_slot(client: FlaskClient, query: str) -> None:
    for _ in range(MAX_CONCURRENT_EXPORTS + 1):
        is_problem(client.get(f"/api/v2/export?{query}"), 400, "invalid-request")


# deleted and expired submissions


@pytest.mark.parametrize("parts", [(), ("input",), ("artifacts",), ("artifacts", "mask.png"), ("record",), ("events",)])
def test_a_deleted_submission_is_410_while_its_tombstone_exists(
    client: FlaskClient, store: MemoryStore, tombstones: MemoryTombstones, parts: tuple[str, ...]
) -> None:
    submission = stored(store)
    store.documents.clear()
    is_problem(client.get(url(submission, *parts)), 404, "unknown-submission")
    tombstones.write_tombstone(Tombstone.of(submission.id, GoneReason.DELETED, NOW))
    assert "was deleted" in is_problem(client.get(url(submission, *parts)), 410, "submission-gone")


def test_what_has_expired_is_gone_before_it_is_deleted(client: FlaskClient, store: MemoryStore) -> None:
    submission = stored(store, expires_at=NOW)
    assert "expired at" in is_problem(client.get(url(submission)), 410, "submission-gone")
    old = client.get(f"/api/v1/fetch_result/{submission.id}")
    assert (old.status_code, old.get_json()["message"]) == (404, "Invalid submission_id.")


def test_a_tombstone_written_before_the_expiry_has_no_effect_yet(
    client: FlaskClient, store: MemoryStore, tombstones: MemoryTombstones
) -> None:
    expires_at = NOW + timedelta(seconds=30)
    submission = stored(store, expires_at=expires_at)
    tombstones.write_tombstone(Tombstone.of(submission.id, GoneReason.EXPIRED, expires_at))
    assert client.get(url(submission)).status_code == 200


def test_v1_has_no_410(client: FlaskClient, tombstones: MemoryTombstones) -> None:
    key = str(uuid.uuid4())
    tombstones.write_tombstone(Tombstone.of(key, GoneReason.EXPIRED, NOW))
    assert client.get(f"/api/v1/fetch_result/{key}").status_code == 404
