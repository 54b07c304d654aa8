"""Waits of tests are bounded by one long time, so that a slow machine fails none of them."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support import patience
from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE, eventually

MEASURED = "faults"
"""Their subject is how soon a broken cluster is whole again."""

SHORT = re.compile(r"\b(?:timeout=|settimeout\(|\.join\(|\.wait\()(\d+(?:\.\d+)?)\b")


def test_no_test_has_a_deadline_of_its_own_that_a_slow_machine_could_miss() -> None:
    """Below 10 s it is the subject of a test, or a try that is repeated."""
    for path in sorted((CHECKOUT / "tests").rglob("*.py")):
        if MEASURED not in path.parts:
            short = [each for each in SHORT.findall(path.read_text()) if 10 <= float(each) < PATIENCE]
            assert not short, f"{path}: use PATIENCE of tests/support/patience.py instead of {short}"


def test_a_wait_that_fails_says_what_did_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.0)
    with pytest.raises(AssertionError, match="the sky did not fall"):
        eventually(lambda: False, "the sky did not fall")


def test_the_limit_of_a_test_is_above_that_of_a_wait() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert settings["timeout"] > 2 * PATIENCE
