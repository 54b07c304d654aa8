"""Versions of models, in semantic versioning's order."""

from __future__ import annotations

import random
import re

import pytest

from contracts.models.versions import PATTERN, version_order

IN_ORDER = [
    "0.9",
    "1",
    "1.0",
    *("1.0.0-0", "1.0.0-1", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta"),
    *("1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1-draft", "1.0.1", "1.9.0", "1.10.0", "2"),
]


def test_the_newest_is_the_last_and_a_release_is_newer_than_its_prereleases() -> None:
    shuffled = random.Random(1).sample(IN_ORDER, len(IN_ORDER))
    assert sorted(shuffled, key=version_order) == IN_ORDER


@pytest.mark.parametrize("version", IN_ORDER)
def test_each_is_well_written(version: str) -> None:
    assert re.fullmatch(PATTERN, version)


@pytest.mark.parametrize(
    "text", ["", "v1.0.0", "1.", ".1", "1.0.0.0", "1.0.0-a..b", "1.0.0-a!b", "1.0.0-\u00e4", "-rc.1"]
)
def test_another_text_is_none(text: str) -> None:
    assert not re.fullmatch(PATTERN, text)
