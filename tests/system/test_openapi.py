"""The gateway keeps to its OpenAPI document: a fuzzer finds no answer that the document does not describe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE
from tests.support.system import Client

EXAMPLES = 10
"""Random examples per operation and phase; with the enumerated ones, some hundred requests."""

BUDGET_SECONDS = 90
"""The fuzzer stops after this time, also on a busy machine."""

SECONDS = 280

OVERLAPPING = "allow_header_conformance"
"""GET /workflows/validate is also a workflow of that name, and /workflows/<name>/traffic a version: OPTIONS says so,
where the document says what each address is for."""


def fuzz(client: Client, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")),
            "run",
            f"{client.url}/api/v2/openapi.json",
            "--checks",
            "all",
            "--exclude-checks",
            OVERLAPPING,
        ]
        + ["--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none", "--no-color"]
        + ["--request-timeout", "30", "--max-time", str(BUDGET_SECONDS)]
        + ["--report-json-path", str(folder / "report.json")],
        cwd=folder,  # it writes what it found there
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.support.openapi_hooks", "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.mark.timeout(SECONDS + 20)
def test_a_fuzzer_finds_nothing_that_the_document_does_not_say(client: Client, tmp_path: Path) -> None:
    ran = fuzz(client, tmp_path)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr
    document = client.http.get(f"{client.url}/api/v2/openapi.json", timeout=PATIENCE).json()
    calls = sum(len(item) for item in document["paths"].values())
    assert f"Tested: {calls}" in ran.stdout, ran.stdout
    assert client.ready().status_code == 200
    assert json.loads((tmp_path / "report.json").read_text())
