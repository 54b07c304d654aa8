"""An operator changes what is published from the command line, while the cluster runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE

NAME = "workflow_888"
TEXT = """\
workflow: workflow_888
version: {version}
title: Read a digit
input: {{kind: image}}
steps:
  recognition:
    model: digit_recognizer@1.0.0
    timeout_seconds: {seconds}
output:
  digit: recognition.digit
"""
IMAGE = CHECKOUT / "samples" / "digits" / "digit_7.png"


class Operator:
    """Runs ``showcase`` and ``python -m admin`` as processes of their own, and keeps the workflow's files."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
        known = {name: value for name, value in cluster.environment().items() if name.startswith("SHOWCASE_")}
        client = {"SHOWCASE_URL": cluster.url, "PYTHONPATH": str(CHECKOUT / "client" / "src")}
        self._environment = inherited | known | client
        self._folder = folder

    def file(self, version: str, seconds: int = 20) -> str:
        path = self._folder / f"{version}.yaml"
        path.write_text(TEXT.format(version=version, seconds=seconds))
        return str(path)

    def showcase(self, *words: str, expect: int = 0) -> str:
        return self._run("showcase", *words, expect=expect)

    def workflows(self, *words: str, expect: int = 0) -> str:
        return self.showcase("workflows", *words, expect=expect)

    def admin(self, *words: str) -> str:
        return self._run("admin", *words, expect=0)

    def submitted(self, *words: str) -> dict[str, object]:
        """Submit an image, and return the version that it ran once it has succeeded."""
        printed = self.showcase("submit", str(IMAGE), "--workflow", NAME, "--wait", "--json", *words)
        answer = json.loads(printed.splitlines()[0])
        assert answer["result"]["digit"] == 7
        return dict(answer["workflow"])

    def _run(self, program: str, *words: str, expect: int) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", program, *words],
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == expect, f"{words}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture
def operator(cluster: LocalCluster, tmp_path: Path) -> Operator:
    return Operator(cluster, tmp_path)


@pytest.mark.clusters("local")
def test_a_workflow_is_drafted_published_split_rolled_back_and_retired(operator: Operator) -> None:
    wrong = operator.file("v1.0.0", seconds=-1)
    assert f"{wrong}:8:22: " in operator.workflows("validate", wrong, expect=1)
    first = operator.file("v1.0.0")
    assert "no error" in operator.workflows("validate", first)
    assert f"{NAME} v1.0.0: published." in operator.workflows("publish", first, "--reason", "the first one")

    draft = operator.file("v1.1.0-draft", seconds=9)
    operator.workflows("publish", draft)
    operator.workflows("publish", operator.file("v1.1.0-draft", seconds=10))
    assert operator.submitted("--version", "v1.1.0-draft")["draft"] is True
    assert operator.submitted()["version"] == "v1.0.0"

    operator.workflows("publish", operator.file("v1.1.0", seconds=10))
    changed = operator.workflows("publish", operator.file("v1.1.0", seconds=11), expect=3)
    assert "-    timeout_seconds: 10\n+    timeout_seconds: 11\n" in changed
    operator.workflows("traffic", NAME, "v1.1.0=100")
    assert operator.submitted() | {"digest": ""} == {"name": NAME, "version": "v1.1.0", "digest": "", "draft": False}
    operator.workflows("traffic", NAME, "v1.0.0=90", "v1.1.0=10")

    operator.workflows("alias", NAME, "stable", "v1.1.0", "--reason", "better")
    assert "v1.1.0" in stable_of(operator)
    assert operator.workflows("rollback", NAME).startswith(f"{NAME}: stable points to v1.0.0 again")
    assert "v1.0.0" in stable_of(operator)

    operator.workflows("retire", NAME, "v1.1.0")
    refused = operator.showcase("submit", str(IMAGE), "--workflow", NAME, "--version", "v1.1.0", expect=3)
    assert "Use v1.0.0." in refused
    assert "retired" in operator.workflows(NAME, "--version", "v1.1.0")

    log = [json.loads(line) for line in operator.workflows("audit", "--workflow", NAME, "--json").splitlines()]
    assert [each["action"] for each in reversed(log)] == [
        "version.published",
        "version.published",
        "draft.overwritten",
        "version.published",
        *("traffic.split", "traffic.split", "alias.set", "alias.rolled_back", "version.retired"),
    ]
    assert log[-1]["reason"] == "the first one"


def stable_of(operator: Operator) -> str:
    """Return the line of ``python -m admin aliases list`` that says which version is stable."""
    lines = operator.admin("aliases", "list").splitlines()
    return next(line for line in lines if line.split()[:2] == [NAME, "stable"])
