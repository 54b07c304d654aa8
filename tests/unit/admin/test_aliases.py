"""Aliases as an operator shows and changes them, and a sentence for what cannot be."""

from __future__ import annotations

import json

import pytest

from contracts.workflows import changes
from contracts.workflows.registry import Actor
from tests.support.factories import NOW
from tests.unit.admin.conftest import MemorySystem


def meanings(system: MemorySystem) -> dict[str, dict[str, str]]:
    return {r.name: {alias: each.version for alias, each in r.aliases.items()} for r in system.workflows()}


Captured = pytest.CaptureFixture[str]


def test_an_alias_is_set_rolled_back_and_removed(system: MemorySystem, capsys: Captured) -> None:
    assert system("aliases", "set", "digits", "stable", "v1.0.0") == 0
    assert system("aliases", "set", "digits", "next", "v1.10.0") == 0
    assert system("aliases", "set", "digits", "stable", "v1.9.0", "--reason", "it is better") == 0
    assert meanings(system)["digits"] == {"stable": "v1.9.0", "next": "v1.10.0"}
    assert system("aliases", "rollback", "digits") == 0
    assert system("aliases", "remove", "digits", "next") == 0
    assert meanings(system)["digits"] == {"stable": "v1.0.0"}
    assert capsys.readouterr().out.splitlines() == [
        "digits: stable points to v1.0.0.",
        "digits: next points to v1.10.0.",
        "digits: stable points to v1.9.0.",
        "digits: stable points to v1.0.0.",
        "digits: next is removed.",
    ]
    logged = [(entry.action, entry.source, entry.reason) for entry in system.kept.log if entry.source == "admin"]
    assert logged == [
        ("alias.set", "admin", None),
        ("alias.set", "admin", "it is better"),
        ("alias.rolled_back", "admin", None),
        ("alias.removed", "admin", None),
    ]


def test_the_list_says_what_each_alias_means_and_why(system: MemorySystem, capsys: Captured) -> None:
    assert system("aliases", "set", "digits", "next", "v1.9.0") == 0
    system.registry.change("gated", lambda record: changes.retire(record, "v1.0.0", Actor("api", NOW)))
    capsys.readouterr()
    assert system("aliases", "list") == 0
    assert [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()] == [
        ["WORKFLOW", "ALIAS", "VERSION"],
        ["digits", "next", "v1.9.0"],
        ["digits", "stable", "v1.0.0"],
        ["gated", "stable", "v1.0.0", "retired"],
    ]
    assert system("aliases", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["digits"] == {"next": "v1.9.0", "stable": "v1.0.0"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("set", "nothing", "stable", "v1.0.0"), "no workflow 'nothing'"),
        (("set", "digits", "stable", "v7.0.0"), "in version 'v7.0.0'"),
        (("set", "digits", "stable", "next"), "in version 'next'"),
        (("remove", "digits", "stable"), "Every workflow has the alias stable"),
        (("remove", "digits", "next"), "no alias 'next'"),
        (("rollback", "digits"), "no earlier version"),
        (("rollback", "nothing"), "no workflow 'nothing'"),
        (("remove", "nothing", "stable"), "no workflow 'nothing'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    system: MemorySystem, capsys: Captured, words: tuple[str, ...], sentence: str
) -> None:
    assert system("aliases", *words) == 1
    assert sentence in capsys.readouterr().err
    assert meanings(system) == {"digits": {"stable": "v1.0.0"}, "gated": {"stable": "v1.0.0"}}


@pytest.mark.parametrize("alias", ["Stable", "v1.0.0", "1st", "a_b", "", "a" * 33, "a.b", "$set"])
def test_a_name_that_is_no_alias_is_refused(system: MemorySystem, capsys: Captured, alias: str) -> None:
    assert system("aliases", "set", "digits", alias, "v1.0.0") == 2
    assert "is no alias" in capsys.readouterr().err
