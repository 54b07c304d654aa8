"""Every operator's command that a page shows can be typed as it is."""

from __future__ import annotations

import re
import shlex

import pytest

from admin.__main__ import run
from contracts.workflows.catalogue import Catalogue, load_catalogue
from tests.support.checkout import CHECKOUT
from tests.support.pages import PAGES
from tests.unit.admin.conftest import MemorySystem

COMMAND = re.compile(r"^[^`\n]*python -m admin (.+)", re.MULTILINE)
SHOWN = {command for page in PAGES for command in COMMAND.findall(page.read_text())}


class ShippedWorkflows(MemorySystem):
    def catalogue(self) -> Catalogue:
        return load_catalogue(CHECKOUT / "workflows")


@pytest.mark.parametrize("command", sorted(SHOWN))
def test_it_is_a_right_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shlex.split(command, comments=True), ShippedWorkflows()) != 2, capsys.readouterr().err


def test_the_main_ones_are_shown() -> None:
    shown = {" ".join(command.split()[:2]) for command in SHOWN}
    assert shown >= {"aliases list", "aliases set", "aliases remove", "dead-letters list"}
