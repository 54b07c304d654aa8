"""What the pages promise a newcomer: a workflow is one file and a model is one folder, and no code names either."""

from __future__ import annotations

import ast
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.messaging.topology import job_queue, topology
from contracts.models.descriptions import load_descriptions
from contracts.workflows.catalogue import load_catalogue
from deploy.torchserve.archives import read_archives
from tests.support.checkout import CHECKOUT, DOCS
from tests.support.example_model import EXAMPLE, FOLDER, archive_example
from tests.support.factories import png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app
from tests.support.pages import blocks

PLATFORM = ("contracts", "image_files", "runtime", "gateway", "orchestrator", "admin", "deploy")
SHOWN_AS_EXAMPLES = {"examples", "json_schema_extra"}
NAMES = {path.parent.name for path in (CHECKOUT / "services").glob("*/service.yaml")} | {
    path.name for path in (CHECKOUT / "workflows").iterdir()
}


def test_a_workflow_is_one_file(tmp_path: Path) -> None:
    (text,) = blocks(DOCS / "tutorial.md", "yaml")
    workflows = tmp_path / "workflows"
    shutil.copytree(CHECKOUT / "workflows", workflows)
    (workflows / "bright_digit").mkdir(exist_ok=True)  # this checkout may have followed the tutorial
    (workflows / "bright_digit" / "v1.0.0.yaml").write_text(text)

    catalogue = load_catalogue(workflows)
    assert job_queue("bright_digit") in {queue.name for queue in topology(catalogue.names).queues}
    client = make_app(MemoryStore(), GatewayPublisher(), catalogue).test_client()
    assert client.get("/api/v2/workflows/bright_digit/stable").status_code == 200
    form = {"image": (io.BytesIO(png()), "x.png"), "workflow": "bright_digit"}
    answer = client.post("/api/v2/submissions", data=form)
    assert answer.status_code == 202
    assert [step["name"] for step in answer.get_json()["steps"]] == ["brightness", "recognition"]


def test_a_model_is_one_folder(tmp_path: Path) -> None:
    store = tmp_path / "model-store"
    archive_example(tmp_path, store)
    served = [(archive.name, archive.version) for archive in read_archives(store)]
    assert served == [(EXAMPLE, "1.0.0"), (EXAMPLE, "1.0.0-large")]
    (described,) = load_descriptions(store / "models.json")
    assert (described.name, described.version) == (EXAMPLE, "1.0.0")
    assert described.card is not None
    assert described.card.title == "Image brightness 1.0.0"
    assert described.card.figures
    assert described.card.licence


def test_the_example_has_every_file_that_the_page_lists() -> None:
    page = (DOCS / "adding-a-model.md").read_text()
    listed = set(re.findall(r"^ +\| `([\w.]+)` \|", page, re.MULTILINE))
    assert listed == {path.name for path in FOLDER.iterdir() if path.is_file()} - {"__init__.py"}


def constants(node: ast.AST) -> Iterator[str]:
    """Yield the texts in a module, without those that are shown as examples."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword) and child.arg in SHOWN_AS_EXAMPLES:
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        yield from constants(child)


@pytest.mark.parametrize("top", PLATFORM)
def test_the_platform_names_no_workflow_and_no_model(top: str) -> None:
    for path in sorted((CHECKOUT / top).rglob("*.py")):
        named = {text for text in constants(ast.parse(path.read_text())) if text.partition("@")[0] in NAMES}
        assert not named, path
