"""docs/architecture.md is held to the tree, to the packages' docstrings, and to the arrows in pyproject.toml.

Each failure ends with the lines that the page should have.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT, DOCS

PAGE = (DOCS / "architecture.md").read_text()
TOPS = ("contracts", "image_files", "runtime", "gateway", "orchestrator", "admin", "services", "deploy")
NO_ROOMS = {"__pycache__", "static", "templates", "weights"}
"""Folders that belong to the package above them."""

LISTED = dict(re.findall(r"^- `([^`]+/)`: (.+)$", PAGE, re.MULTILINE))


def is_model(folder: Path) -> bool:
    return (folder / "service.yaml").is_file()


def folders(top: Path) -> Iterator[Path]:
    """Yield the folders that the page names one by one, ``top`` first. All models share one line."""
    yield top
    for folder in sorted(path for path in top.iterdir() if path.is_dir() and path.name not in NO_ROOMS):
        if not is_model(folder):
            yield from folders(folder)


ROOMS = [folder for top in TOPS for folder in folders(CHECKOUT / top)]
MODELS = [folder for folder in sorted((CHECKOUT / "services").iterdir()) if is_model(folder)]


def first_sentence(package: Path) -> str:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    sentence = re.split(r"(?<=[.?!])\s", " ".join(docstring.split()), maxsplit=1)[0]
    return re.sub(r"`*(__[a-z]+__)`*", r"`\1`", sentence)  # Markdown reads __main__ as a bold word


def line_of(folder: Path) -> str:
    name = f"{folder.relative_to(CHECKOUT)}/"
    if (folder / "__init__.py").is_file():
        return f"- `{name}`: {first_sentence(folder)}"
    return f"- `{name}`: {LISTED.get(name, 'what it holds')}"


def test_the_page_lists_the_folders_in_order_with_their_docstrings() -> None:
    expected = [line_of(folder) for folder in ROOMS]
    tops = tuple(f"{top}/" for top in TOPS)
    listed = [f"- `{name}`: {text}" for name, text in LISTED.items() if name.startswith(tops) and "<" not in name]
    assert listed == expected, "\n".join(["The page should say:", *expected])


@pytest.mark.parametrize("folder", [*ROOMS, *MODELS], ids=lambda folder: str(folder.relative_to(CHECKOUT)))
def test_a_folder_with_modules_is_a_package_with_a_docstring(folder: Path) -> None:
    if any(folder.glob("*.py")):
        assert first_sentence(folder).endswith("."), f"{folder}/__init__.py says in one sentence what lives there"


def test_a_folder_beside_them_exists() -> None:
    for names in re.findall(r"^- (`[^`]+/`(?:, `[^`]+/`)*): ", PAGE, re.MULTILINE):
        for name in re.findall(r"`([^`<]+)`", names):
            assert (CHECKOUT / name).is_dir(), name


def test_every_place_for_a_change_exists() -> None:
    table = PAGE.split("## Where a change goes")[1].split("## Folders")[0]
    places = [name for name in re.findall(r"`([^`\s]+)`", table) if "/" in name and not name.startswith(("/", "-"))]
    assert len(places) > 10
    for name in places:
        place = name.split("<")[0]
        assert any(CHECKOUT.glob(f"{place}*")) or any(CHECKOUT.glob(f"*/{place}")), name


def layers(container: str | None) -> list[str]:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = [
        each for each in contracts if each["type"] == "layers" and each.get("containers", [None]) == [container]
    ]
    return list(found["layers"])


def diagram(prefix: str, boxes: Sequence[str]) -> str:
    names = [f"{prefix}{number}" for number, _ in enumerate(boxes, start=1)]
    lines = [f'    {name}["{box}"]' for name, box in zip(names, boxes, strict=True)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, f"    {' --> '.join(names)}", "```"])


@pytest.mark.parametrize(
    ("prefix", "container"), [("p", None), ("g", "gateway"), ("o", "orchestrator")], ids=["processes", "gateway", "o"]
)
def test_the_diagrams_show_the_arrows_that_are_held(prefix: str, container: str | None) -> None:
    expected = diagram(prefix, layers(container))
    assert expected in PAGE, f"The page should say:\n{expected}"
