"""Watching a submission from outside: on any gateway, resumed on another one."""

from __future__ import annotations

import pytest
import requests

from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE
from tests.support.system import Client

LESION = CHECKOUT / "samples" / "flair" / "lesion_1.png"
NORMAL = CHECKOUT / "samples" / "flair" / "normal_1.png"

pytestmark = pytest.mark.clusters("local")


def submit(url: str, image: bytes, workflow: str, **headers: str) -> requests.Response:
    return requests.post(
        f"{url}/api/v2/submissions",
        files={"image": ("x.png", image)},
        data={"workflow": workflow},
        headers=headers,
        timeout=PATIENCE,
    )


def events(url: str, submission_id: str, after: int = 0) -> list[tuple[int, str]]:
    headers = {"Last-Event-ID": str(after)} if after else {}
    address = f"{url}/api/v2/submissions/{submission_id}/events"
    found: list[tuple[int, str]] = []
    with requests.get(address, headers=headers, stream=True, timeout=PATIENCE) as response:
        assert response.status_code == 200
        number = 0
        for line in response.iter_lines(decode_unicode=True):
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("event: ") and not line.endswith("queue"):
                found.append((number, line[7:]))
    return found


def test_submitted_at_one_and_watched_at_another(client: Client, other: str) -> None:
    identifier = submit(client.url, LESION.read_bytes(), "workflow_001").json()["id"]
    seen = events(other, identifier)
    assert [name for _, name in seen] == [
        "submission.queued",
        "submission.running",
        "step.running",
        "step.succeeded",
        "step.running",
        "step.succeeded",
        "submission.succeeded",
    ]
    assert [number for number, _ in seen] == list(range(1, 8))
    assert events(client.url, identifier, after=4) == seen[4:]
    done = requests.get(
        f"{other}/api/v2/submissions/{identifier}/events", headers={"Last-Event-ID": "7"}, timeout=PATIENCE
    )
    assert done.status_code == 204


def test_the_event_of_a_skipped_step_has_its_gate(client: Client) -> None:
    resource = submit(client.url, NORMAL.read_bytes(), "workflow_001", Prefer="wait=60").json()
    assert resource["state"] == "succeeded"
    response = requests.get(client.url + resource["urls"]["events"], timeout=PATIENCE)
    skipped = next(block for block in response.text.split("\n\n") if "event: step.skipped" in block)
    assert "classification.label == 'abnormality'" in skipped
    assert "no_abnormality" in skipped


def test_the_answer_can_wait_for_the_result(client: Client, other: str) -> None:
    digit = (CHECKOUT / "samples" / "digits" / "digit_7.png").read_bytes()
    response = submit(client.url, digit, "workflow_000", Prefer="wait=60")
    assert (response.status_code, response.headers["Preference-Applied"]) == (200, "wait=60")
    assert response.json()["result"]["digit"] == 7
    identifier = submit(client.url, digit, "workflow_000").json()["id"]
    found = requests.get(f"{other}/api/v2/submissions/{identifier}", headers={"Prefer": "wait=60"}, timeout=PATIENCE)
    assert found.json()["state"] == "succeeded"
