"""The folder of published workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import InvalidWorkflow, UnknownWorkflow
from contracts.workflows.catalogue import Catalogue, load_catalogue
from runtime.settings import SharedSettings
from tests.support.factories import ONE_STEP, make_workflow

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
    ("names", "newest"),
    [
        (["v1.9.0", "v1.10.0"], "v1.10.0"),
        (["v1.10.0", "v1.9.0"], "v1.10.0"),
        (["v2.0.0", "v10.0.0", "v9.99.99"], "v10.0.0"),
        (["v1.0.9", "v1.0.10"], "v1.0.10"),
    ],
)
def test_stable_is_the_newest_by_number(names: list[str], newest: str) -> None:
    assert versions(*names).stable("digits").version == newest


def test_every_version_is_found_by_name() -> None:
    catalogue = versions("v1.0.0", "v1.1.0")
    assert catalogue.version("digits", "v1.0.0").version == "v1.0.0"
    assert [workflow.version for workflow in catalogue.all()] == ["v1.0.0", "v1.1.0"]


@pytest.mark.parametrize("name", ["", "DIGITS", "digits ", "../digits"])
def test_an_unknown_name_is_told_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownWorkflow, match="There are: digits"):
        versions("v1.0.0").stable(name)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnknownWorkflow, match=r"in version 'v1\.0'"):
        versions("v1.0.0").version("digits", "v1.0")


@pytest.mark.parametrize("name", ["numbers/v1.0.0.yaml", "digits/v1.0.1.yaml", "digits/v1.0.0.yml"])
def test_a_file_in_the_wrong_place_is_told_the_right_one(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(InvalidWorkflow) as caught:
        load_catalogue(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / name}:1: the file says digits v1.0.0")
    assert caught.value.message.endswith("it belongs in digits/v1.0.0.yaml.")


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "digits/v1.0.0.yaml", ONE_STEP.replace("@1.0.0", ""))
    with pytest.raises(InvalidWorkflow, match=r"digits/v1\.0\.0\.yaml:6: 'digit_recognizer' does not pin"):
        load_catalogue(tmp_path)


def test_a_folder_without_workflows_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidWorkflow, match="there is no workflow here"):
            load_catalogue(folder)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "digits" / "v1.0.0.yaml").mkdir(parents=True)
    with pytest.raises(InvalidWorkflow, match=r"v1\.0\.0\.yaml:1: cannot be read"):
        load_catalogue(tmp_path)


def test_other_files_are_let_be(tmp_path: Path) -> None:
    write(tmp_path, "digits/v1.0.0.yaml")
    write(tmp_path, "digits/README.md", "words")
    write(tmp_path, "notes.txt", "words")
    assert load_catalogue(tmp_path).names == ["digits"]
