"""Fixtures of a whole cluster, started as users start theirs and driven from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import requests

from tests.support.checkout import CHECKOUT
from tests.support.docker_clusters import composed, contained
from tests.support.local_cluster import LocalCluster, free_ports, running
from tests.support.patience import PATIENCE, eventually
from tests.support.system import THIRD_WORKFLOW, WEBHOOKS, Client, Cluster


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are not for the chosen cluster; a test names its clusters with a marker."""
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
    started: AbstractContextManager[Cluster]
    if kind == "compose":
        started = composed(home, workflows)
    elif kind == "container":
        started = contained(workflows)
    else:
        started = running(home, settings={"SHOWCASE_WORKFLOWS": str(workflows), **WEBHOOKS})
    with started as made:
        yield made


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
        assert process.wait(timeout=PATIENCE) == 0
