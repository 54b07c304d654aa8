"""The commands that people type: twice, wrongly, and beside another cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE
from tests.support.system import Client

pytestmark = pytest.mark.clusters("local")


def control(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.local", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_a_second_up_changes_nothing(cluster: LocalCluster, client: Client) -> None:
    before = [cluster.pid(part) for part in ("gateway", "orchestrator", "database", "rabbitmq", "torchserve")]
    cluster.up()
    assert [cluster.pid(part) for part in ("gateway", "orchestrator", "database", "rabbitmq", "torchserve")] == before


def test_status_shows_every_part_ready(cluster: LocalCluster, client: Client) -> None:
    client.until_ready()
    shown = control("status", "--home", str(cluster.home))
    assert shown.returncode == 0, shown.stdout
    for part in ("rabbitmq", "database", "torchserve", "orchestrator", "gateway"):
        assert part in shown.stdout


def test_a_port_that_is_taken_is_named(cluster: LocalCluster, tmp_path: Path) -> None:
    port = cluster.environment()["SHOWCASE_PORT"]
    refused = control("up", "--home", str(tmp_path / "other"), "--port", port, "--port-base", str(int(port) + 300))
    assert refused.returncode == 1
    assert port in refused.stderr
    assert "taken" in refused.stderr
