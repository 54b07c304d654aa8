"""`up` checks the folder of workflows before it changes anything, and says what contradicts the published versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests

from contracts.workflows.catalogue import FileFault, WorkflowText
from deploy.local import __main__ as command
from deploy.local import workflows
from deploy.local.application import application_parts
from deploy.local.errors import ClusterError
from deploy.local.settings import CHECKOUT, ClusterSettings, resolve_settings
from tests.support.factories import ONE_STEP, make_workflow

DRAFT = ONE_STEP.replace("v1.0.0", "v1.0.0-draft")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, ONE_STEP)
    return tmp_path


def write(folder: Path, text: str, version: str = "v1.0.0") -> Path:
    path = folder / "digits" / f"{version}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def of(folder: Path) -> ClusterSettings:
    return resolve_settings({"SHOWCASE_WORKFLOWS": str(folder)}, home=folder / "home", port_base=21000)


def test_every_error_is_said_once_with_its_place_and_what_to_do(folder: Path) -> None:
    wrong = write(folder, ONE_STEP.replace("@1.0.0", "").replace("kind: image", "kind: text"))
    misplaced = write(folder, ONE_STEP, "v1.0.1")
    with pytest.raises(ClusterError) as caught:
        workflows.checked_workflows(of(folder))
    lines = caught.value.sentence.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == [f"{wrong}:4:15", f"{wrong}:6:24", f"{misplaced}:1:1"]
    assert lines[3].startswith("3 errors in 2 workflow files. Nothing was started or stopped. Correct them")
    assert len(lines) == 4


def test_a_folder_without_workflows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"no workflow here[^\n]*\nNothing was started"):
        workflows.checked_workflows(of(tmp_path))


def test_a_file_of_the_checkout_is_shown_as_it_is_typed() -> None:
    fault = FileFault(CHECKOUT / "workflows" / "a" / "v1.0.0.yaml", 2, 3, "wrong.")
    assert workflows.faults_text([fault]).startswith(
        "workflows/a/v1.0.0.yaml:2:3: wrong.\n1 error in 1 workflow file. "
    )


def test_the_folder_may_be_named_by_a_file(folder: Path, tmp_path: Path) -> None:
    name = tmp_path / "name"
    name.write_text(f"{folder}\n")
    settings = resolve_settings({"SHOWCASE_WORKFLOWS_FILE": str(name)}, home=tmp_path / "home", port_base=21000)
    assert workflows.workflows_folder(settings) == folder
    name.unlink()
    with pytest.raises(ClusterError, match="cannot be read"):
        workflows.workflows_folder(settings)
    assert workflows.workflows_folder(resolve_settings({}, home=tmp_path, port_base=21000)) == CHECKOUT / "workflows"


@pytest.mark.parametrize("words", [["up"], ["run"]])
def test_with_an_error_nothing_is_started_or_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it went on")

    write(folder, ONE_STEP.replace("@1.0.0", ""))
    home = folder / "home"
    for name in ("bring_up", "run", "_confirm_changes", "contradictions"):
        monkeypatch.setattr(command, name, never)
    monkeypatch.setattr(os, "environ", {"SHOWCASE_WORKFLOWS": str(folder)})
    monkeypatch.setattr("sys.argv", ["deploy.local", *words, "--home", str(home), "--port-base", "21000"])
    assert command.main() == 1
    printed = capsys.readouterr()
    assert "v1.0.0.yaml:6:24: 'digit_recognizer' does not pin a model" in printed.err
    assert printed.err.count("does not pin") == 1
    assert not home.exists()


def test_parts_without_a_gateway_and_an_orchestrator_need_no_workflows(folder: Path) -> None:
    write(folder, "wrong")
    settings = resolve_settings(
        {"SHOWCASE_WORKFLOWS": str(folder)}, home=folder, port_base=21000, only=frozenset({"database"})
    )
    assert command._checked(settings) == []


def test_a_changed_file_makes_what_reads_it_stale(folder: Path) -> None:
    def digests() -> list[str]:
        return [part.digest(folder / "home") for part in application_parts(of(folder), "mongodb://a", "amqp://b")]

    before = digests()
    assert digests() == before
    write(folder, ONE_STEP + "# more\n")
    assert not set(before) & set(digests())


# What is published.


class Answers(requests.adapters.BaseAdapter):
    """A gateway whose answers are given by path; without one for a path, it is not there."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        super().__init__()
        self.answers, self.asked = answers, list[str]()

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        path = (request.url or "").partition("/api/v2/workflows/")[2]
        self.asked.append(path)
        if path not in self.answers:
            raise requests.ConnectionError
        response = requests.Response()
        response.status_code, content = self.answers[path]
        response._content = content.encode()
        return response

    def close(self) -> None: ...


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers({})
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: made)
    return made


def published(text: str) -> tuple[int, str]:
    return 200, f'{{"content_digest": "{make_workflow(text).content_digest}"}}'


def texts(*contents: str) -> list[WorkflowText]:
    return [WorkflowText(make_workflow(text), text, Path("here.yaml")) for text in contents]


def test_a_release_that_is_published_with_another_content_is_said(gateway: Answers) -> None:
    gateway.answers["digits/v1.0.0"] = published(ONE_STEP.replace("@1.0.0", "@1.0.1"))
    (sentence,) = workflows.contradictions(texts(ONE_STEP), 1) or []
    assert sentence.startswith("here.yaml: digits v1.0.0 is published with another content, which goes on. ")


def test_labels_and_layout_contradict_nothing_and_a_draft_is_not_asked_for(gateway: Answers) -> None:
    gateway.answers["digits/v1.0.0"] = published("title: Another\n" + ONE_STEP + "# a comment\n")
    gateway.answers["digits/v2.0.0"] = (404, '{"code": "unknown-workflow"}')
    assert workflows.contradictions(texts(ONE_STEP, ONE_STEP.replace("v1.0.0", "v2.0.0"), DRAFT), 1) == []
    assert gateway.asked == ["digits/v1.0.0", "digits/v2.0.0"]


@pytest.mark.parametrize("answer", [None, (200, "no JSON"), (200, "[]")])
def test_without_an_answer_nothing_is_known(gateway: Answers, answer: tuple[int, str] | None) -> None:
    gateway.answers.update({"digits/v1.0.0": answer} if answer else {})
    assert workflows.contradictions(texts(ONE_STEP), 1) is None
