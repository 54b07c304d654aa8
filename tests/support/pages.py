"""The documentation's pages, and what tests read in them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.checkout import CHECKOUT, DOCS

README = CHECKOUT / "README.md"
IN_DOCS = sorted(page for page in DOCS.rglob("*.md") if "examples" not in page.relative_to(DOCS).parts)
"""The pages of docs/; the worked examples keep their own."""

PAGES = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    CHECKOUT / "model-store" / "README.md",
    *IN_DOCS,
]


def name_of(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def blocks(page: Path, language: str) -> list[str]:
    """Return the page's fenced blocks of one language, also those that are indented in a list."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [str(block) for block in found]


def fences(page: Path) -> list[str]:
    """Return the language of each fenced block of the page; empty where it names none."""
    opened = re.findall(r"^ *```(.*)$", page.read_text(), re.MULTILINE)[::2]
    return [str(language).strip() for language in opened]


def is_make_target(name: str) -> bool:
    """Return whether ``make name`` is a target, a pattern's for a model that there is; ``<model>`` stands for any."""
    targets = set(re.findall(r"^([a-z][a-z-]*%?):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    models = {path.parent.name for path in (CHECKOUT / "services").glob("*/service.yaml")} | {"<model>"}
    return "%" not in name and name in targets | {
        target.replace("%", model) for target in targets if target.endswith("%") for model in models
    }


def section(page: Path, heading: str) -> str:
    """Return what stands below a second-level heading."""
    _, _, rest = page.read_text().partition(f"\n## {heading}\n")
    assert rest, f"{name_of(page)} has no section {heading!r}"
    return rest.partition("\n## ")[0]


def anchors(page: Path) -> set[str]:
    """Return the fragments that the page's headings can be reached by, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
