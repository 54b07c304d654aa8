"""A whole cluster, started as users start theirs and driven from outside."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests

from contracts.submissions.documents import Submission
from tests.support.checkout import CHECKOUT
from tests.support.docker_clusters import composed, contained
from tests.support.local_cluster import LocalCluster, free_ports, running

PATIENCE_SECONDS = 60.0

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
"""What the local cluster sends webhooks with: the tests receive them on this machine."""


class Cluster(Protocol):
    """What the tests may do with any of the three: talk to it, break it, and read what it wrote."""

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the chosen cluster does not have; a test names those that it is for."""
    kind = config.getoption("--cluster")
    left_out = [
        item for item in items if (only := item.get_closest_marker("clusters")) is not None and kind not in only.args
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """All parts, with one workflow more than is shipped: a YAML file is all that it takes."""
    workflows = tmp_path_factory.mktemp("published") / "workflows"
    shutil.copytree(CHECKOUT / "workflows", workflows)
    (workflows / "workflow_777").mkdir()
    (workflows / "workflow_777" / "v1.0.0.yaml").write_text(THIRD_WORKFLOW)
    home = tmp_path_factory.mktemp("cluster")
    kind = request.config.getoption("--cluster")
    if kind == "compose":
        started = composed(home, workflows)
    elif kind == "container":
        started = contained(workflows)
    else:
        started = running(home, settings={"SHOWCASE_WORKFLOWS": str(workflows), **WEBHOOKS})
    with started as made:
        yield made


class Client:
    """A user of the public API, who may also look at the stored documents as an operator."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = cluster.url
        self.http = requests.Session()

    def send(self, image: Path | bytes, workflow: str | None, name: str = "picture.png") -> requests.Response:
        content = image.read_bytes() if isinstance(image, Path) else image
        fields = {"workflow_name": workflow} if workflow is not None else {}
        address = f"{self.url}/api/v1/submit_image"
        return self.http.post(address, files={"image": (name, content)}, data=fields, timeout=30)

    def submit(self, image: Path | bytes, workflow: str, name: str = "picture.png") -> str:
        response = self.send(image, workflow, name)
        assert response.status_code == 200, response.text
        return str(response.json()["submission_id"])

    def fetch(self, submission_id: str) -> requests.Response:
        return self.http.get(f"{self.url}/api/v1/fetch_result/{submission_id}", timeout=30)

    def result(self, submission_id: str) -> dict[str, Any]:
        """Wait for the final answer."""
        end = time.monotonic() + PATIENCE_SECONDS
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
        return self.http.get(f"{self.url}/health/ready", timeout=30)

    def until_ready(self) -> None:
        eventually(lambda: self.ready().status_code == 200)


@pytest.fixture(scope="session")
def client(cluster: Cluster) -> Iterator[Client]:
    made = Client(cluster)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def other(cluster: LocalCluster) -> Iterator[str]:
    """A second gateway on the same database and broker."""
    port = free_ports()
    settings = cluster.environment() | {"SHOWCASE_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "gateway"], cwd=CHECKOUT, env=os.environ | settings)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: requests.get(f"{url}/health/ready", timeout=5).status_code == 200)
        yield url
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what the cluster will do, up to a bound. A connection that breaks meanwhile is part of the wait."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except requests.RequestException:
            pass
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
