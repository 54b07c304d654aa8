"""The shipped workflows return the right result for an image, with the reasons for it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import requests

from contracts.submissions.states import StepState
from tests.support.patience import PATIENCE
from tests.support.system import Client, Cluster

NORMAL = ["normal_1", "normal_2", "normal_3"]
LESION = ["lesion_1", "lesion_2", "lesion_3"]


@pytest.mark.parametrize("digit", range(10))
def test_a_photo_of_a_digit_is_read(client: Client, samples: Path, digit: int) -> None:
    body = client.run(samples / "digits" / f"digit_{digit}.png", "workflow_000")
    assert body["status"] == "Success"
    assert (body["workflow_id"], body["configuration_version"]) == ("workflow_000", "v1.0.0")
    assert body["prediction"]["digit"] == digit
    assert 0.5 < body["prediction"]["score"] <= 1
    assert re.fullmatch(r"\d+\.\d{3} sec\.", body["time_taken"])


@pytest.mark.parametrize("name", LESION)
def test_a_slice_with_a_lesion_is_outlined(client: Client, samples: Path, name: str) -> None:
    body = client.run(samples / "flair" / f"{name}.png", "workflow_001")
    assert body["prediction"]["label"] == "abnormality"
    mask = np.array(body["prediction"]["image"])
    assert mask.shape == (256, 256)
    assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("name", NORMAL)
def test_a_slice_without_one_is_not_segmented_and_the_record_says_why(client: Client, samples: Path, name: str) -> None:
    identifier = client.submit(samples / "flair" / f"{name}.png", "workflow_001")
    body = client.result(identifier)
    assert body["prediction"].keys() == {"label", "score"}
    assert body["prediction"]["label"] == "no_abnormality"
    step = client.record(identifier).step("segmentation")
    assert (step.state, step.attempts) == (StepState.SKIPPED, [])
    assert step.gate is not None
    assert step.gate.expression == "classification.label == 'abnormality'"
    assert step.gate.value is False
    assert step.gate.inputs == {"classification": {"label": "no_abnormality"}}


def test_a_result_is_fetched_again_and_again(client: Client, samples: Path) -> None:
    identifier = client.submit(samples / "digits" / "digit_7.png", "workflow_000")
    first = client.result(identifier)
    assert [client.result(identifier) for _ in range(3)] == [first] * 3
    assert client.result(identifier.upper()) == first


def test_the_addresses_work_with_a_slash_at_the_end_too(client: Client, samples: Path) -> None:
    content = (samples / "digits" / "digit_3.png").read_bytes()
    response = client.http.post(
        f"{client.url}/api/v1/submit_image/",
        files={"image": ("a.png", content)},
        data={"workflow_name": "workflow_000"},
        timeout=PATIENCE,
    )
    assert response.status_code == 200
    identifier = response.json()["submission_id"]
    assert response.json() == {
        "file_type": "image/png",
        "message": "File submitted.",
        "status": "Success",
        "submission_id": identifier,
    }
    client.result(identifier)
    assert client.http.get(f"{client.url}/api/v1/fetch_result/{identifier}/", timeout=PATIENCE).status_code == 200


def test_the_record_keeps_attempts_and_timings(client: Client, samples: Path) -> None:
    identifier = client.submit(samples / "flair" / "lesion_1.png", "workflow_001")
    client.result(identifier)
    record = client.record(identifier)
    assert record.started_at is not None
    assert record.ended_at is not None
    assert record.created_at <= record.started_at <= record.ended_at
    assert record.published_at is None or record.published_at >= record.created_at
    for step in record.steps:
        (attempt,) = step.attempts
        assert attempt.started_at <= attempt.ended_at
        assert attempt.error is None
        assert attempt.server.startswith("http://")
    output = record.step("segmentation").output
    assert output is not None
    assert output["mask"] == {"artifact": "mask.png"}


def test_a_third_workflow_takes_one_file(client: Client, samples: Path) -> None:
    large = client.run(samples / "flair" / "lesion_2.png", "workflow_777")["prediction"]
    assert large["label"] == "abnormality"
    assert large["area"] > 0.002
    none = client.run(samples / "flair" / "normal_1.png", "workflow_777")["prediction"]
    assert none.keys() == {"area"}


DIRECT = pytest.mark.clusters("local", "compose")  # the one container publishes the gateway only


@DIRECT
@pytest.mark.parametrize("form", ["raw", "image", "data"])
@pytest.mark.parametrize(
    ("model", "sample", "fields"),
    [
        ("digit_recognizer/1.0.0", "digits/digit_7.png", {"digit", "score"}),
        ("bms_flair_abnormality_classification/1.2.0", "flair/lesion_1.png", {"label", "score"}),
        ("bms_flair_abnormality_segmentation/1.0.0", "flair/lesion_1.png", {"mask", "area"}),
    ],
)
def test_model_servers_answer_direct_calls(
    cluster: Cluster, samples: Path, model: str, sample: str, fields: set[str], form: str
) -> None:
    content = (samples / sample).read_bytes()
    address = f"{cluster.model_url(model.split('/', maxsplit=1)[0])}/predictions/{model}"
    if form == "raw":
        response = requests.post(address, data=content, headers={"Content-Type": "image/png"}, timeout=PATIENCE)
    else:
        response = requests.post(address, files={form: ("x.png", content)}, timeout=PATIENCE)
    assert response.status_code == 200
    assert response.json().keys() == fields


@DIRECT
def test_a_model_server_refuses_what_is_no_image(cluster: Cluster) -> None:
    address = f"{cluster.model_url('digit_recognizer')}/predictions/digit_recognizer/1.0.0"
    response = requests.post(address, data=b"nothing", timeout=PATIENCE)
    assert response.status_code == 400
    assert response.json()["type"] == "InvalidImage"


@DIRECT
def test_an_image_that_is_declared_as_a_form_is_refused_as_the_page_says(cluster: Cluster, samples: Path) -> None:
    address = f"{cluster.model_url('digit_recognizer')}/predictions/digit_recognizer/1.0.0"
    curls_default = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = set()
    for picture in sorted((samples / "digits").glob("*.png")):
        response = requests.post(address, data=picture.read_bytes(), headers=curls_default, timeout=PATIENCE)
        refused.add((response.status_code, response.json()["type"]))
    assert refused == {(500, "ErrorDataDecoderException"), (400, "InvalidImage")}


def test_the_page_says_what_this_is(client: Client) -> None:
    response = client.http.get(client.url, timeout=PATIENCE)
    assert response.headers["Content-Type"].startswith("text/html")
    for name in ("workflow_000", "workflow_001", "workflow_777", "/health/ready"):
        assert name in response.text
