"""A client that a generator makes from the live OpenAPI document is complete enough to use: it submits and reads."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE
from tests.support.system import Client

PACKAGE = "generated_showcase_client"
CONTENT_TYPES = """\
content_type_overrides:
  application/yaml: application/octet-stream
  image/png: application/octet-stream
  image/jpeg: application/octet-stream
  application/problem+json: application/json
  application/x-ndjson: text/html
  text/csv: text/html
  text/event-stream: text/html
"""
"""The generator reads bytes, JSON and text under these names only; without them it leaves the answers out."""


@pytest.fixture(scope="module")
def generated(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_bytes(client.http.get(f"{client.url}/api/v2/openapi.json", timeout=PATIENCE).content)
    settings = folder / "settings.yaml"
    settings.write_text(f"package_name_override: {PACKAGE}\npost_hooks: []\n{CONTENT_TYPES}")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    ran = subprocess.run(
        [*command, "--path", str(document), "--config", str(settings), "--output-path", str(folder / PACKAGE)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def test_every_call_has_a_function(generated: Path, client: Client) -> None:
    document = json.loads((generated.parent / "openapi.json").read_text())
    names = {call["operationId"] for item in document["paths"].values() for call in item.values()}
    assert {path.stem for path in generated.glob("api/*/*.py")} - {"__init__"} == names


def test_it_submits_with_metadata_and_a_key_and_reads_the_result(
    generated: Path, client: Client, samples: Path
) -> None:
    models, types = part("models"), part("types")
    submit = part("api.submissions.create_submission")
    get = part("api.submissions.get_submission")
    mine, key = uuid.uuid4().hex, uuid.uuid4().hex

    def body() -> Any:
        metadata = models.MultipartSubmissionMetadata.from_dict({"test": mine})
        image = io.BytesIO((samples / "digits" / "digit_7.png").read_bytes())
        file = types.File(payload=image, file_name="digit_7.png", mime_type="image/png")
        return models.MultipartSubmission(image=file, workflow="workflow_000", metadata=metadata)

    with part("client").Client(base_url=client.url, timeout=PATIENCE) as session:
        first = submit.sync_detailed(client=session, body=body(), idempotency_key=key, prefer="wait=60")
        assert first.status_code in {200, 202}, first.content
        again = submit.sync_detailed(client=session, body=body(), idempotency_key=key)
        assert again.parsed.id == first.parsed.id
        client.result(str(first.parsed.id))
        found = get.sync(client=session, submission_id=first.parsed.id)
    assert found.metadata.to_dict() == {"test": mine}
    assert found.result.to_dict()["digit"] == 7
