"""v1 and v2 return the same of one submission, whichever of them accepted it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway.submissions.results import pixel_rows
from tests.support.patience import PATIENCE
from tests.support.system import Client


def pictures(samples: Path) -> list[tuple[str, str]]:
    return [
        ("workflow_000", str(next(samples.glob("digits/*.png")))),
        *(("workflow_001", str(path)) for path in sorted(samples.glob("flair/*.png"))[:2]),
        ("workflow_777", str(min(samples.glob("flair/*.png")))),
    ]


def submit_to_v2(client: Client, image: bytes, workflow: str) -> str:
    answer = client.http.post(
        f"{client.url}/api/v2/submissions",
        files={"image": ("a.png", image)},
        data={"workflow": workflow},
        timeout=PATIENCE,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def resource(client: Client, submission_id: str) -> dict[str, Any]:
    return dict(client.http.get(f"{client.url}/api/v2/submissions/{submission_id}", timeout=PATIENCE).json())


def same(client: Client, submission_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wait for the end in v1, and compare it with v2."""
    v1, v2 = client.result(submission_id), resource(client, submission_id)
    assert (v1["status"] == "Success", v1["status"] == "Failure") == (
        v2["state"] == "succeeded",
        v2["state"] in {"failed", "canceled"},
    )
    assert v1["submission_id"] == v2["id"]
    assert (v1["workflow_id"], v1["configuration_version"]) == (v2["workflow"]["name"], v2["workflow"]["version"])
    if v2["state"] != "succeeded":
        assert v1["message"] == v2["reason"]
        return v1, v2
    assert list(v1["prediction"]) == list(v2["result"])
    for name, value in v2["result"].items():
        if isinstance(value, dict):
            (artifact,) = [each for each in v2["artifacts"] if each["name"] == value["artifact"]]
            assert artifact["url"] == value["url"]
            found = client.http.get(client.url + value["url"], timeout=PATIENCE)
            assert found.status_code == 200, found.text
            assert v1["prediction"][name] == pixel_rows(found.content)
        else:
            assert v1["prediction"][name] == value
    return v1, v2


def test_both_apis_return_the_same_whichever_accepted_the_image(client: Client, samples: Path) -> None:
    for workflow, path in pictures(samples):
        image = Path(path).read_bytes()
        by_v1, _ = same(client, client.submit(image, workflow))
        by_v2, _ = same(client, submit_to_v2(client, image, workflow))
        assert by_v1["prediction"] == by_v2["prediction"]


@pytest.mark.parametrize("workflow", ["workflow_000", "workflow_001"])
def test_an_empty_picture_has_the_same_result_in_both_apis(client: Client, workflow: str) -> None:
    content = io.BytesIO()
    Image.new("L", (64, 64)).save(content, "PNG")
    same(client, submit_to_v2(client, content.getvalue(), workflow))
