"""Every input and result can be read back as lists, pictures, records and exports, until it expires."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import pytest
import requests
from PIL import Image

from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client

LESION = CHECKOUT / "samples" / "flair" / "lesion_1.png"
NORMAL = CHECKOUT / "samples" / "flair" / "normal_1.png"
BATCH = uuid.uuid4().hex


def submit(client: Client, image: bytes, batch: str, **fields: str) -> dict[str, Any]:
    response = client.http.post(
        f"{client.url}/api/v2/submissions",
        files={"image": ("slice.png", image)},
        data={"workflow": "workflow_001", "metadata": json.dumps({"batch": batch})} | fields,
        headers={"Prefer": "wait=60"},
        timeout=PATIENCE,
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


def get(client: Client, path: str, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.http.get(client.url + path, headers=named, timeout=PATIENCE)


@pytest.fixture(scope="module")
def batch(client: Client) -> list[dict[str, Any]]:
    """Three finished submissions of one batch, oldest first: the middle one without a lesion."""
    return [submit(client, each.read_bytes(), BATCH) for each in (LESION, NORMAL, LESION)]


def test_a_list_pages_through_all_that_match_newest_first(client: Client, batch: list[dict[str, Any]]) -> None:
    found, path = [], f"/api/v2/submissions?metadata.batch={BATCH}&limit=1"
    while path:
        response = get(client, path)
        found += [item["id"] for item in response.json()["items"]]
        path = response.links.get("next", {}).get("url", "").removeprefix(client.url)
        assert len(found) <= len(batch)
    assert found == [each["id"] for each in reversed(batch)]
    failed = get(client, f"/api/v2/submissions?metadata.batch={BATCH}&state=failed").json()
    assert failed["items"] == []
    assert get(client, "/api/v2/submissions?sort=age").status_code == 400


def test_the_image_comes_back_as_it_was_sent(client: Client, batch: list[dict[str, Any]]) -> None:
    path = batch[0]["urls"]["input"]
    whole = get(client, path)
    assert (whole.content, whole.headers["Content-Type"]) == (LESION.read_bytes(), "image/png")
    assert get(client, path, If_None_Match=whole.headers["ETag"]).status_code == 304
    part = get(client, path, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.content)}"
    assert get(client, path, Range=f"bytes={len(whole.content)}-").status_code == 416


def test_mask_and_overlay_are_pictures(client: Client, batch: list[dict[str, Any]]) -> None:
    lesion, normal, _ = batch
    for name in ("mask.png", "overlay.png"):
        response = get(client, f"{lesion['urls']['artifacts']}/{name}")
        assert response.status_code == 200
        with Image.open(io.BytesIO(response.content)) as picture:
            assert picture.size == (256, 256)
        missing = get(client, f"{normal['urls']['artifacts']}/{name}")
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown-artifact")
    listed = get(client, lesion["urls"]["artifacts"]).json()
    assert {"mask.png", "overlay.png"} == {each["name"] for each in listed["items"]}


def test_the_record_says_what_was_skipped_and_why(client: Client, batch: list[dict[str, Any]]) -> None:
    record = get(client, batch[1]["urls"]["record"])
    assert record.status_code == 200
    steps = {step["name"]: step for step in record.json()["steps"]}
    assert steps["segmentation"]["state"] == "skipped"
    assert steps["segmentation"]["gate"]["expression"] == "classification.label == 'abnormality'"
    assert steps["segmentation"]["gate"]["inputs"] == {"classification": {"label": "no_abnormality"}}
    assert steps["classification"]["attempts"]


def test_an_export_holds_all_that_match(client: Client, batch: list[dict[str, Any]]) -> None:
    expected = [each["id"] for each in reversed(batch)]
    lines = get(client, f"/api/v2/export?metadata.batch={BATCH}").text.splitlines()
    assert [json.loads(each)["id"] for each in lines] == expected
    table = get(client, f"/api/v2/export?format=csv&metadata.batch={BATCH}").text
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["id"] for row in rows] == expected
    assert [row["result.label"] for row in rows] == ["abnormality", "no_abnormality", "abnormality"]


def test_an_expired_submission_is_410(client: Client) -> None:
    two_seconds = str(2 / 86400)
    resource = submit(client, NORMAL.read_bytes(), uuid.uuid4().hex, retention_days=two_seconds)
    eventually(lambda: get(client, resource["urls"]["self"]).status_code == 410)
    for name in ("self", "input", "record", "events"):
        response = get(client, resource["urls"][name])
        assert (response.status_code, response.json()["code"]) == (410, "submission-gone")
    assert client.fetch(resource["id"]).status_code == 404
