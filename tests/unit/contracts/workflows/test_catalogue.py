"""The folder of published workflows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from contracts.errors import InvalidWorkflow, UnknownWorkflow, WorkflowRetired
from contracts.workflows.catalogue import Catalogue, Entry, load_catalogue
from contracts.workflows.changes import retire, split_traffic
from contracts.workflows.registry import Actor
from runtime.settings import SharedSettings
from tests.support.factories import NOW, ONE_STEP, make_workflow

SHIPPED = Path(SharedSettings.model_fields["workflows"].default)


def write(folder: Path, name: str, text: str = ONE_STEP) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def versions(*names: str) -> Catalogue:
    return Catalogue(make_workflow(ONE_STEP.replace("v1.0.0", name)) for name in names)


def test_the_shipped_workflows_are_accepted() -> None:
    catalogue = load_catalogue(SHIPPED)
    assert {"workflow_000", "workflow_001"} <= set(catalogue.names)
    assert set(catalogue.version("workflow_000", "v1.0.0").output) == {"digit", "score"}
    gated = catalogue.version("workflow_001", "v1.0.0")
    assert list(gated.output) == ["label", "score", "image"]
    assert gated.steps[1].when is not None
    assert gated.steps[1].needs == {"classification"}


@pytest.mark.parametrize(
    ("names", "first", "newest"),
    [
        (["v1.9.0", "v1.10.0"], "v1.9.0", "v1.10.0"),
        (["v1.10.0", "v1.9.0"], "v1.9.0", "v1.10.0"),
        (["v2.0.0", "v10.0.0", "v9.99.99"], "v2.0.0", "v10.0.0"),
        (["v1.0.9", "v1.0.10", "v1.0.8-draft"], "v1.0.9", "v1.0.10"),
    ],
)
def test_stable_is_the_first_release_and_the_newest_is_listed_first(names: list[str], first: str, newest: str) -> None:
    catalogue = versions(*names)
    assert catalogue.find("digits").version == first
    assert catalogue.find("digits", "stable").version == first
    assert catalogue.versions("digits")[0].version == newest
    assert len(catalogue.versions("digits")) == len(names)


def test_a_draft_comes_before_its_release_and_is_never_stable() -> None:
    catalogue = versions("v1.0.0-draft")
    with pytest.raises(UnknownWorkflow, match="no release yet"):
        catalogue.find("digits")
    with pytest.raises(UnknownWorkflow, match="no release yet"):
        catalogue.choose("digits", None, "1")
    assert catalogue.choose("digits", "v1.0.0-draft", "1").is_draft
    both = versions("v1.0.0-draft", "v1.0.0", "v0.9.0")
    assert [each.version for each in both.versions("digits")] == ["v1.0.0", "v1.0.0-draft", "v0.9.0"]
    assert both.shown("digits").version == "v0.9.0"


def test_a_split_gives_each_version_its_share_by_the_submissions_ids() -> None:
    catalogue = versions("v1.0.0", "v1.1.0", "v1.2.0")
    entry = catalogue.entry("digits")
    split = split_traffic(entry.record, {"v1.0.0": 0, "v1.1.0": 90, "v1.2.0": 10}, Actor("api", NOW))
    assert split is not None
    catalogue.replace([Entry(split, entry.workflows)])
    chosen = Counter(catalogue.choose("digits", None, str(number)).version for number in range(2000))
    assert set(chosen) == {"v1.1.0", "v1.2.0"}
    assert 130 <= chosen["v1.2.0"] <= 270  # 200 are expected; five standard deviations
    assert catalogue.choose("digits", "stable", "1").version == "v1.0.0"
    assert catalogue.choose("digits", None, "77") is catalogue.choose("digits", None, "77")


def test_a_retired_version_is_read_and_not_run() -> None:
    catalogue = versions("v1.0.0", "v1.1.0")
    entry = catalogue.entry("digits")
    record = retire(entry.record, "v1.0.0", Actor("api", NOW))
    assert record is not None
    catalogue.replace([Entry(record, entry.workflows)])
    for version in (None, "stable", "v1.0.0"):
        with pytest.raises(WorkflowRetired, match=r"Use v1\.1\.0") as caught:
            catalogue.choose("digits", version, "1")
        assert caught.value.members == {"successor": "v1.1.0"}
    assert catalogue.version("digits", "v1.0.0").version == "v1.0.0"
    assert [each.version for each in catalogue.all()] == ["v1.1.0"]
    last = retire(record, "v1.1.0", Actor("api", NOW))
    assert last is not None
    catalogue.replace([Entry(last, entry.workflows)])
    assert catalogue.names == []
    with pytest.raises(WorkflowRetired, match="There is no other version"):
        catalogue.choose("digits", None, "1")
    with pytest.raises(UnknownWorkflow, match="is retired"):
        catalogue.shown("digits")


def test_a_version_with_another_digest_is_not_the_same() -> None:
    catalogue = versions("v1.0.0")
    ref = catalogue.find("digits").ref
    assert catalogue.with_digest(ref) is catalogue.find("digits")
    assert catalogue.with_digest(ref.model_copy(update={"digest": "sha256:x"})) is None
    assert catalogue.with_digest(ref.model_copy(update={"name": "x"})) is None
    assert catalogue.with_digest(ref.model_copy(update={"version": "v9.0.0"})) is None


def test_every_version_is_found_by_name() -> None:
    catalogue = versions("v1.0.0", "v1.1.0")
    assert catalogue.version("digits", "v1.0.0").version == "v1.0.0"
    assert [workflow.version for workflow in catalogue.all()] == ["v1.0.0", "v1.1.0"]


@pytest.mark.parametrize("name", ["", "DIGITS", "digits ", "../digits"])
def test_an_unknown_name_is_told_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownWorkflow, match="There are: digits"):
        versions("v1.0.0").entry(name)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnknownWorkflow, match=r"in version 'v1\.0'"):
        versions("v1.0.0").version("digits", "v1.0")


@pytest.mark.parametrize("name", ["numbers/v1.0.0.yaml", "digits/v1.0.1.yaml", "digits/v1.0.0.yml"])
def test_a_file_in_the_wrong_place_is_told_the_right_one(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(InvalidWorkflow) as caught:
        load_catalogue(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / name}:1:1: the file says digits v1.0.0")
    assert caught.value.message.endswith("it belongs in digits/v1.0.0.yaml.")


def test_a_wrong_file_is_named_with_its_line_and_column(tmp_path: Path) -> None:
    write(tmp_path, "digits/v1.0.0.yaml", ONE_STEP.replace("@1.0.0", ""))
    with pytest.raises(InvalidWorkflow, match=r"digits/v1\.0\.0\.yaml:6:24: 'digit_recognizer' does not pin"):
        load_catalogue(tmp_path)


def test_the_errors_of_every_file_are_reported(tmp_path: Path) -> None:
    write(tmp_path, "digits/v1.0.0.yaml", ONE_STEP.replace("@1.0.0", ""))
    write(tmp_path, "digits/v1.1.0.yaml", ONE_STEP.replace("v1.0.0", "v1.1").replace("kind: image", "kind: text"))
    with pytest.raises(InvalidWorkflow) as caught:
        load_catalogue(tmp_path)
    files = [line.partition(":")[0] for line in caught.value.message.splitlines()]
    assert files == [str(tmp_path / "digits" / name) for name in ("v1.0.0.yaml", "v1.1.0.yaml", "v1.1.0.yaml")]
    assert len(caught.value.faults) == 3


def test_a_folder_without_workflows_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidWorkflow, match="there is no workflow here"):
            load_catalogue(folder)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "digits" / "v1.0.0.yaml").mkdir(parents=True)
    with pytest.raises(InvalidWorkflow, match=r"v1\.0\.0\.yaml:1:1: cannot be read"):
        load_catalogue(tmp_path)


def test_other_files_are_let_be(tmp_path: Path) -> None:
    write(tmp_path, "digits/v1.0.0.yaml")
    write(tmp_path, "digits/README.md", "words")
    write(tmp_path, "notes.txt", "words")
    assert load_catalogue(tmp_path).names == ["digits"]
