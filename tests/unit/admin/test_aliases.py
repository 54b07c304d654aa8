"""Aliases as an operator shows and changes them, and a sentence for what cannot be."""

from __future__ import annotations

import json

import pytest

from tests.unit.admin.conftest import MemorySystem

Captured = pytest.CaptureFixture[str]


def test_an_alias_is_set_and_removed(system: MemorySystem, capsys: Captured) -> None:
    assert system("aliases", "set", "digits", "stable", "v1.0.0") == 0
    assert system("aliases", "set", "digits", "next", "v1.10.0") == 0
    assert system.alias_store.alias_sets == {"digits": {"stable": "v1.0.0", "next": "v1.10.0"}}
    assert system("aliases", "remove", "digits", "stable") == 0
    assert system("aliases", "remove", "digits", "next") == 0
    assert system.alias_store.alias_sets == {"digits": {}}
    assert capsys.readouterr().out.splitlines() == [
        "digits: stable means v1.0.0.",
        "digits: next means v1.10.0.",
        "digits: stable means the newest version again, v1.10.0.",
        "digits: next is no alias any more.",
    ]


def test_the_list_says_what_each_alias_means_and_why(system: MemorySystem, capsys: Captured) -> None:
    system.alias_store.set_alias("digits", "next", "v1.9.0")
    system.alias_store.set_alias("gated", "old", "v0.1.0")
    assert system("aliases", "list") == 0
    unset = "the newest, as stable is not set"
    assert [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()] == [
        ["WORKFLOW", "ALIAS", "VERSION"],
        ["digits", "next", "v1.9.0"],
        ["digits", "stable", "v1.10.0", unset],
        ["gated", "stable", "v1.0.0", unset],
        ["gated:", "old", "means", "v0.1.0, which is not in the folder of workflows here."],
    ]
    assert system("aliases", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)["digits"] == {"next": "v1.9.0", "stable": "v1.10.0"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("set", "nothing", "stable", "v1.0.0"), "no workflow 'nothing'"),
        (("set", "digits", "stable", "v7.0.0"), "There are: v1.10.0, v1.9.0, v1.0.0."),
        (("set", "digits", "stable", "next"), "no version 'next'"),
        (("remove", "digits", "stable"), "no alias 'stable' that was set"),
        (("remove", "nothing", "stable"), "no workflow 'nothing'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    system: MemorySystem, capsys: Captured, words: tuple[str, ...], sentence: str
) -> None:
    assert system("aliases", *words) == 1
    assert sentence in capsys.readouterr().err
    assert not any(system.alias_store.alias_sets.values())


@pytest.mark.parametrize("alias", ["Stable", "v1.0.0", "1st", "a_b", "", "a" * 33, "a.b", "$set"])
def test_a_name_that_is_no_alias_is_refused(system: MemorySystem, capsys: Captured, alias: str) -> None:
    assert system("aliases", "set", "digits", alias, "v1.0.0") == 2
    assert "is no alias" in capsys.readouterr().err
