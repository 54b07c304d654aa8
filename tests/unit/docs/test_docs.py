"""What the documentation repeats of the code is held to it, and its pages to each other."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import pytest

from contracts.submissions.states import SubmissionState
from contracts.workflows.workflow_file import parse_workflow
from gateway.settings import GatewaySettings
from orchestrator.settings import OrchestratorSettings
from runtime.settings import ConnectionSettings, SharedSettings, describe
from tests.faults.test_matrix import NORMAL_PER_SECOND, STOPPED_SECONDS
from tests.support.checkout import CHECKOUT, DOCS
from tests.support.faults.load import PER_SECOND
from tests.support.faults.table import HEAD
from tests.support.pages import IN_DOCS, PAGES, README, anchors, blocks, is_make_target, name_of, section
from tests.support.system import THIRD_WORKFLOW

CONFIGURATION = DOCS / "configuration.md"


def rows(settings: type[ConnectionSettings], without: type[ConnectionSettings] | None = None) -> list[str]:
    left_out = set(describe(without)) if without else set()
    return [
        f"| `{name}` | `{default}` | {escape(meaning, quote=False)} |"
        for name, default, meaning in describe(settings)
        if (name, default, meaning) not in left_out
    ]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Both processes", rows(SharedSettings)),
        ("The gateway", rows(GatewaySettings, without=SharedSettings)),
        ("The orchestrator", rows(OrchestratorSettings, without=SharedSettings)),
    ],
    ids=["both", "gateway", "orchestrator"],
)
def test_the_configuration_page_lists_every_setting_as_it_is(heading: str, expected: list[str]) -> None:
    listed = [line for line in section(CONFIGURATION, heading).splitlines() if line.startswith("| `")]
    assert listed == expected, "\n".join([f"The section {heading!r} should list:", *expected])


def test_the_example_workflow_is_the_one_that_is_tested() -> None:
    (example,) = blocks(DOCS / "adding-a-workflow.md", "yaml")
    assert example == THIRD_WORKFLOW
    parse_workflow(example.encode(), "docs/adding-a-workflow.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        if not target.startswith("http"):
            found = page.parent / target if target else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_the_index_lists_every_page_once_in_its_order() -> None:
    index = DOCS / "index.md"
    listed = [target for target in re.findall(r"\]\(([^)]+)\)", index.read_text()) if not target.startswith("..")]
    expected = {str(page.relative_to(DOCS)) for page in IN_DOCS if page != index}
    assert sorted(listed) == sorted(expected)
    kinds = re.findall(r"^## (\S+)", index.read_text(), re.MULTILINE)
    assert kinds == ["Tutorial:", "How-to", "Reference:", "Explanation:"]


def test_the_readme_is_short_and_leads_on() -> None:
    text = README.read_text()
    assert len(text.splitlines()) < 150
    assert "(docs/index.md)" in text


def test_the_readme_says_what_docker_publishes() -> None:
    published = re.findall(r"docker run -d -p (\S+)", README.read_text())
    assert published == ["127.0.0.1:8100:8100", "8100:8100"]
    before = README.read_text().split("-p 8100:8100")[0]
    assert "asks for no key" in before
    assert "every interface" in before


def test_every_make_target_that_is_named_exists() -> None:
    for page in PAGES:
        for named in re.findall(r"`make ([a-z][\w<>-]*)", page.read_text()):
            assert is_make_target(named), f"{name_of(page)}: {named}"


@pytest.mark.parametrize("name", ["upp", "u", "test-unit2", "train-", "train-digit", "model", "serve-models"])
def test_what_only_begins_like_a_make_target_is_none(name: str) -> None:
    assert not is_make_target(name)


def test_the_moves_of_a_submission_are_the_legal_ones() -> None:
    (drawn,) = blocks(DOCS / "how-it-works.md", "mermaid")
    moves = {(a, b) for a, b in re.findall(r"^ *(\w+) --> (\w+)$", drawn, re.MULTILINE)}
    assert moves == {(a.value, b.value) for a in SubmissionState for b in SubmissionState if a.may_become(b)}


def test_the_page_of_faults_says_what_its_maker_says() -> None:
    head = HEAD.format(stopped=STOPPED_SECONDS, rate=PER_SECOND, normal=NORMAL_PER_SECOND)
    assert (DOCS / "faults.md").read_text().startswith(head)


def test_every_bench_is_listed_with_its_measurement() -> None:
    benches = {path.stem for path in (CHECKOUT / "bench").glob("*.py")} - {"__init__", "costly_pictures", "measuring"}
    table = (DOCS / "measurements.md").read_text().split("\n## ")[0]
    assert set(re.findall(r"^\| `\.venv/bin/python -m bench\.(\w+)`", table, re.MULTILINE)) == benches


def test_no_figure_of_a_measurement_stands_in_a_guide() -> None:
    guides = re.findall(r"\]\(([\w-]+\.md)\)", section(DOCS / "index.md", "How-to guides: reach a goal"))
    assert len(guides) > 4
    for guide in guides:
        text = (DOCS / guide).read_text()
        assert not re.search(r"\bmedian|\bMiB of memory|python -m bench", text), guide
