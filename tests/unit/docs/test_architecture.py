"""docs/architecture.md is compared with the tree, the packages' docstrings, and the layers in pyproject.toml.

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


def first_sentence(module: Path) -> str:
    """Return it of a module's docstring, or of a package's."""
    source = module / "__init__.py" if module.is_dir() else module
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
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


def test_the_page_lists_the_modules_at_the_top_of_the_processes() -> None:
    modules = [
        module
        for process in ("gateway", "orchestrator")
        for module in sorted((CHECKOUT / process).glob("*.py"))
        if not module.name.startswith("__")
    ]
    expected = [f"- `{module.relative_to(CHECKOUT)}`: {first_sentence(module)}" for module in modules]
    listed = re.findall(r"^- `(?:gateway|orchestrator)/\w+\.py`: .+$", PAGE, re.MULTILINE)
    assert listed == expected, "\n".join(["The page should say:", *expected])


def test_the_page_lists_the_folders_of_tests_and_pages() -> None:
    for top in ("tests", "docs"):
        for folder in (CHECKOUT / top).iterdir():
            if folder.is_dir() and folder.name not in NO_ROOMS:
                assert f"`{top}/{folder.name}/`" in PAGE, folder


def test_a_top_level_package_is_listed_checked_and_copied() -> None:
    linter = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert sorted([*linter["root_packages"], "deploy"]) == sorted(TOPS)
    (typed,) = re.findall(r"^TYPED := (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert set(TOPS) <= set(typed.split())
    copied = set(re.findall(r"^COPY (\w+) \1$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE))
    assert set(TOPS) <= copied


def test_a_folder_beside_them_exists() -> None:
    for names in re.findall(r"^- (`[^`]+/`(?:, `[^`]+/`)*): ", PAGE, re.MULTILINE):
        for name in re.findall(r"`([^`<]+)`", names):
            assert (CHECKOUT / name).is_dir(), name


def rows() -> dict[str, str]:
    """Return the rows of the table of changes: the whole row by its first cell."""
    table = PAGE.split("## Where a change goes")[1].split("## Folders")[0]
    found = re.findall(r"^\| (?!to add)([^|]+) \|.*$", table, re.MULTILINE)
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| to add")]
    return dict(zip(found, lines, strict=True))


ANY_NAME = re.compile(r"<\w+>")


def matches(place: str) -> list[Path]:
    """Return what is at a place that the page names; a part in angle brackets stands for any name."""
    return sorted(CHECKOUT.glob(ANY_NAME.sub("*", place).rstrip("/")))


def test_every_place_for_a_change_exists() -> None:
    places = [
        (row, name)
        for row in rows().values()
        for name in re.findall(r"`([^`\s]+)`", row)
        if ("/" in name or name.endswith((".toml", ".yml"))) and not name.startswith("/")
    ]
    assert len(places) > 40
    for row, name in places:
        if name != "adapters/":
            assert matches(name), f"{name} does not exist:\n{row}"


DEFINED: dict[str, dict[str, str]] = {
    "a workflow": {"workflows/<name>/<version>.yaml": "steps:"},
    "a field of a workflow's file": {
        "contracts/workflows/workflow_file.py": "parse_workflow",
        "contracts/workflows/definition.py": "Workflow",
    },
    "a change of what is published": {
        "contracts/workflows/changes.py": "publish set_alias",
        "gateway/catalogue/publishing.py": "Publishing",
        "admin/aliases.py": "app",
        "client/src/showcase/registry.py": "Registry",
    },
    "a model": {"services/archive.py": "Service", "docker-compose.yml": "SHOWCASE_MODEL_SERVERS"},
    "an endpoint of v2": {"gateway/api/v2/": "blueprint"},
    "an error": {"contracts/errors.py": "ShowcaseError", "gateway/api/problems.py": "described"},
    "a setting": {
        "gateway/settings.py": "GatewaySettings",
        "orchestrator/settings.py": "OrchestratorSettings",
        "runtime/settings.py": "SharedSettings ConnectionSettings",
        "docs/configuration.md": "SHOWCASE_LOG_LEVEL",
        "docker-compose.yml": "SHOWCASE_LOG_LEVEL",
    },
    "when a failed model call is retried": {
        "orchestrator/planning/retries.py": "decide",
        "contracts/errors.py": "ModelFault",
        "orchestrator/adapters/model_servers/": "TorchServeModels",
    },
    "when a webhook is sent again": {"orchestrator/webhooks/schedule.py": "next_move"},
    "the order of steps": {"orchestrator/planning/plan.py": "make_plan"},
    "what a gate may say, and what it means": {
        "contracts/workflows/expressions.py": "compile_expression",
        "orchestrator/planning/gates.py": "evaluate_gate",
    },
    "a state or an allowed state transition": {"contracts/submissions/states.py": "SubmissionState"},
    "a stored field": {"contracts/submissions/documents.py": "SCHEMA Submission"},
    "a collection": {"contracts/storage/layout.py": "COLLECTIONS"},
    "an index": {"contracts/storage/indexes.py": "INDEXES"},
    "a queue or a job message": {
        "contracts/messaging/": "Job Queue topology",
        "gateway/submissions/ports.py": "JobPublisher",
        "orchestrator/ports.py": "JobPublisher",
        "admin/ports.py": "DeadLetters",
        "gateway/adapters/rabbitmq/": "RabbitJobPublisher",
        "orchestrator/adapters/rabbitmq/": "Broker",
        "admin/adapters/rabbitmq.py": "RabbitDeadLetters",
    },
    "the notification of a state change": {"contracts/submissions/events.py": "SubmissionChanged encode_change"},
    "a filter or a query of lists": {
        "gateway/submissions/listing.py": "Filters ListingStore",
        "gateway/api/requests/filters.py": "FilterQuery",
        "gateway/adapters/mongo/listing.py": "MongoListing matching",
    },
    "how many costly operations run at once": {
        "gateway/submissions/accept.py": "CHECKED_AT_ONCE",
        "gateway/submissions/export.py": "MAX_CONCURRENT_EXPORTS",
        "gateway/api/v2/images.py": "DRAWN_AT_ONCE",
        "gateway/submissions/slots.py": "Slots",
    },
    "an image format": {
        "image_files/": "read_image",
        "contracts/workflows/workflow_file.py": "FORMATS",
        "gateway/images/": "MEDIA_TYPES INLINE",
        "gateway/api/v2/images.py": "blueprint",
        "contracts/models/answers.py": "_SIGNATURES",
    },
    "a database, a broker or a protocol of model servers": {},
    "a use case of the gateway": {"gateway/__main__.py": "main", "gateway/api/application.py": "Application"},
    "an operator's command": {"admin/__main__.py": "app RunningSystem", "admin/ports.py": "System"},
    "a new module at the top of `gateway`, `orchestrator` or `admin`": {"pyproject.toml": "exhaustive = true"},
    "a new top-level package": {
        "pyproject.toml": "root_packages = [",
        "Makefile": "TYPED := contracts ",
        "Dockerfile": "COPY contracts contracts",
    },
    "a part of the local cluster": {"deploy/local/": "Part"},
    "a fake": {"tests/support/": "MemoryStore FakeModels"},
    "something that only the embedded database needs": {},
}
"""What each place of a row defines: names of Python, otherwise a text."""


def top_level_names(module: Path) -> set[str]:
    names = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def missing(place: Path, wanted: str) -> set[str]:
    """Return what of ``wanted`` is not at the place. A folder's modules count together."""
    modules = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    if all(module.suffix == ".py" for module in modules):
        return set(wanted.split()).difference(*map(top_level_names, modules))
    return set() if wanted in place.read_text() else {wanted}


def test_what_is_defined_is_known_for_each_kind_of_change() -> None:
    assert list(rows()) == list(DEFINED)


@pytest.mark.parametrize("change", DEFINED)
def test_each_place_defines_what_is_to_be_changed_there(change: str) -> None:
    for place, wanted in DEFINED[change].items():
        assert f"`{place}`" in rows()[change], f"{wanted} is in {place}; the row does not name it"
        for found in matches(place):
            assert not missing(found, wanted), f"{place} does not define {missing(found, wanted)}"


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
def test_the_diagrams_show_the_layers_that_are_checked(prefix: str, container: str | None) -> None:
    expected = diagram(prefix, layers(container))
    assert expected in PAGE, f"The page should say:\n{expected}"
