"""What the tests of a whole cluster share: a protocol for its three kinds, a client, and a bounded wait."""

from __future__ import annotations

import base64
import signal
import time
from pathlib import Path
from typing import Any, Protocol

import requests

from contracts.submissions.documents import Submission
from tests.support.patience import PATIENCE, eventually

THIRD_WORKFLOW = """\
workflow: workflow_777
version: v1.0.0
title: Outline whatever is there, and classify only what is large
input: {kind: image, formats: [png, jpeg]}
steps:
  segmentation:
    model: bms_flair_abnormality_segmentation@1.0.0
  classification:
    model: bms_flair_abnormality_classification@1.2.0
    when: segmentation.area > 0.002
output:
  area: segmentation.area
  label: classification.label
"""

WEBHOOKS = {
    "SHOWCASE_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"a secret of the tests, no more").decode(),
    "SHOWCASE_WEBHOOK_ALLOW": "127.0.0.1/32",
}
"""The local cluster's settings for webhooks: the tests receive them on this machine."""


class Cluster(Protocol):
    """What the tests may do with any kind of cluster: call it, kill its parts, and read what it stored."""

    @property
    def url(self) -> str:
        """The gateway's address."""

    def model_url(self, model: str) -> str:
        """Return where the model takes direct calls."""

    def pid(self, part: str) -> int:
        """Return the part's process id on this machine."""

    def kill(self, part: str, number: int = signal.SIGKILL) -> None: ...

    def log(self, part: str) -> str: ...

    def records(self, submission_ids: list[str]) -> list[Submission]: ...


class Client:
    """A client of the public API that can also read the stored documents, as an operator can."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.url
        self.http = requests.Session()

    def send(self, image: Path | bytes, workflow: str | None, name: str = "picture.png") -> requests.Response:
        content = image.read_bytes() if isinstance(image, Path) else image
        fields = {"workflow_name": workflow} if workflow is not None else {}
        address = f"{self.url}/api/v1/submit_image"
        return self.http.post(address, files={"image": (name, content)}, data=fields, timeout=PATIENCE)

    def submit(self, image: Path | bytes, workflow: str, name: str = "picture.png") -> str:
        response = self.send(image, workflow, name)
        assert response.status_code == 200, response.text
        return str(response.json()["submission_id"])

    def fetch(self, submission_id: str) -> requests.Response:
        return self.http.get(f"{self.url}/api/v1/fetch_result/{submission_id}", timeout=PATIENCE)

    def result(self, submission_id: str) -> dict[str, Any]:
        """Wait for the final answer."""
        end = time.monotonic() + PATIENCE
        while (response := self.fetch(submission_id)).status_code == 202:
            assert response.json()["status"] == "In Progress"
            assert time.monotonic() < end, f"{submission_id} did not end"
            time.sleep(0.02)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def run(self, image: Path | bytes, workflow: str, name: str = "picture.png") -> dict[str, Any]:
        return self.result(self.submit(image, workflow, name))

    def record(self, submission_id: str) -> Submission:
        (record,) = self.cluster.records([submission_id])
        return record

    def ready(self) -> requests.Response:
        return self.http.get(f"{self.url}/health/ready", timeout=PATIENCE)

    def until_ready(self) -> None:
        eventually(lambda: self.ready().status_code == 200)
