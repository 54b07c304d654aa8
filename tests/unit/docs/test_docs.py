"""What the documentation repeats of the code is held to it."""

from __future__ import annotations

import re

import pytest

from contracts.workflows.workflow_file import parse_workflow
from gateway.settings import GatewaySettings
from orchestrator.settings import OrchestratorSettings
from runtime.settings import describe
from tests.support.checkout import CHECKOUT as ROOT
from tests.system.conftest import THIRD_WORKFLOW

README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def table_row(name: str, default: str, meaning: str) -> str:
    return f"| `{name}` | `{default}` | {meaning} |"


def test_the_readme_lists_every_setting_as_it_is():
    expected = {table_row(*row) for settings in (GatewaySettings, OrchestratorSettings) for row in describe(settings)}
    listed = {line for line in README.splitlines() if line.startswith("| `SHOWCASE_")}
    assert listed == expected


def test_the_example_workflow_is_the_one_that_is_tested():
    page = (ROOT / "docs" / "adding-a-workflow.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example == THIRD_WORKFLOW
    parse_workflow(example.encode(), "docs/adding-a-workflow.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*)[:%]", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for named in re.findall(r"`make ([a-z-]+)", page.read_text()):
            assert any(named == target or named.startswith(target) for target in targets), f"{page.name}: {named}"
