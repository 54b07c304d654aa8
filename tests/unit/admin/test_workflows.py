"""Workflow files as an operator checks them, and the published workflows as an operator sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.workflows import changes
from contracts.workflows.registry import Actor
from tests.support.factories import NOW, ONE_STEP
from tests.unit.admin.conftest import MemorySystem

Captured = pytest.CaptureFixture[str]


def test_every_error_of_every_file_is_shown(system: MemorySystem, capsys: Captured, tmp_path: Path) -> None:
    good, bad, missing = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "missing.yaml"
    good.write_text(ONE_STEP)
    bad.write_text(ONE_STEP.replace("@1.0.0", "").replace("v1.0.0", "one"))
    assert system("workflows", "validate", str(good)) == 0
    assert capsys.readouterr().out == "1 file checked, no error.\n"
    assert system("workflows", "validate", str(good), str(bad), str(missing)) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{bad}:3:10: 'one' is no version: write it like v1.0.0, or v1.0.0-draft.",
        f"{bad}:6:24: 'digit_recognizer' does not pin a model: write name@1.0.0.",
        f"{missing}:1:1: cannot be read (No such file or directory).",
    ]
    assert "3 errors in 2 of 3 files" in printed.err
    assert system("workflows", "validate", "--json", str(bad)) == 1
    assert [fault["line"] for fault in json.loads(capsys.readouterr().out)] == [3, 6]
    assert system("workflows", "validate", "--json", str(good)) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_without_files_the_folder_is_checked(system: MemorySystem, capsys: Captured, tmp_path: Path) -> None:
    assert system("workflows", "validate") == 1
    assert "/nowhere: there is no workflow here" in capsys.readouterr().err
    system.folder = tmp_path
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "v1.0.0.yaml").write_text(ONE_STEP)
    (tmp_path / "digits" / "README.md").write_text("words")
    assert system("workflows", "validate") == 0
    assert capsys.readouterr().out == "1 file checked, no error.\n"
    (tmp_path / "digits" / "v1.0.0.yaml").rename(tmp_path / "digits" / "v1.1.0.yaml")
    assert system("workflows", "validate") == 1
    printed = capsys.readouterr()
    assert printed.out.endswith("v1.1.0.yaml:1:1: the file says digits v1.0.0; it belongs in digits/v1.0.0.yaml.\n")
    assert "1 error in 1 of 1 files" in printed.err


def test_the_list_shows_every_version(system: MemorySystem, capsys: Captured) -> None:
    actor = Actor("api", NOW)
    system.registry.change("digits", lambda r: changes.split_traffic(r, {"v1.0.0": 90, "v1.9.0": 10}, actor))
    system.registry.change("digits", lambda r: changes.retire(r, "v1.10.0", actor))
    assert system("workflows", "list") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["WORKFLOW", "VERSION", "STATE", "TRAFFIC", "ALIASES", "TITLE"],
        ["digits", "v1.0.0", "published", "90", "%", "stable", "digits"],
        ["digits", "v1.9.0", "published", "10", "%", "digits"],
        ["digits", "v1.10.0", "retired", "digits"],
        ["gated", "v1.0.0", "published", "stable", "gated"],
    ]
    assert system("workflows", "list", "--json") == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["digits", "gated"]


def test_before_a_gateway_has_started_nothing_is_published(system: MemorySystem, capsys: Captured) -> None:
    system.kept.documents.clear()
    for words in (("workflows", "list"), ("aliases", "list")):
        assert system(*words) == 1
        assert "No workflow is published yet" in capsys.readouterr().err
