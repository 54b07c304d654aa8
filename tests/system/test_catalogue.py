"""The catalogue of a running cluster, and an operator who moves an alias while it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client

WORKFLOW = "workflow_777"


def get(client: Client, address: str) -> Any:
    answer = client.http.get(f"{client.url}/api/v2/{address}", timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_models_are_described_and_seen_to_answer(client: Client, samples: Path) -> None:
    client.run(next(samples.glob("digits/*.png")), "workflow_000")

    def answering() -> bool:
        (version,) = get(client, "models/digit_recognizer")["versions"]
        return bool(version["served"] and version["served"]["state"] == "answering")

    eventually(answering)
    for item in get(client, "models")["items"]:
        for version in get(client, f"models/{item['name']}")["versions"]:
            assert version["card"]["figures"], item["name"]
            assert version["card"]["licence"]
            assert version["weights"]["digest"].startswith("sha256:")
            assert version["served"]["address"].startswith("http://")
    assert get(client, "workflows/workflow_001/stable")["graph"]["steps"][1]["needs"] == ["classification"]


@pytest.mark.clusters("local")
def test_an_alias_that_an_operator_sets_takes_effect(client: Client, cluster: LocalCluster, samples: Path) -> None:
    def operator(*words: str) -> str:
        known = cluster.environment()
        settings = {name: value for name, value in known.items() if name.startswith("SHOWCASE_")}
        ran = subprocess.run(
            [sys.executable, "-m", "admin", "aliases", *words],
            cwd=CHECKOUT,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def meant() -> dict[str, str]:
        return dict(get(client, f"workflows/{WORKFLOW}")["aliases"])

    assert operator("set", WORKFLOW, "canary", "v1.0.0") == f"{WORKFLOW}: canary points to v1.0.0.\n"
    eventually(lambda: meant() == {"canary": "v1.0.0", "stable": "v1.0.0"})
    image = next(samples.glob("flair/*.png")).read_bytes()
    answer = client.http.post(
        f"{client.url}/api/v2/submissions",
        files={"image": ("a.png", image)},
        data={"workflow": WORKFLOW, "version": "canary"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["workflow"]["version"] == "v1.0.0"
    assert "canary" in operator("list")
    operator("remove", WORKFLOW, "canary")
    eventually(lambda: meant() == {"stable": "v1.0.0"})
