"""What docs/catalogue.md repeats of the code is held to it."""

from __future__ import annotations

import re
import shlex

import pytest

from admin import aliases as operator_commands
from contracts.submissions.states import ServedState
from orchestrator.maintenance.model_status import REPORT_SECONDS
from tests.unit.docs.test_docs import ROOT

PAGE = (ROOT / "docs" / "catalogue.md").read_text()
COMMANDS = re.findall(r"python -m gateway (aliases .+)", PAGE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_shown_can_be_typed(command: str) -> None:
    assert operator_commands.parse("python -m gateway", shlex.split(command)).topic == "aliases"


def test_the_states_and_the_pace_are_the_real_ones() -> None:
    for state in ServedState:
        assert f"`{state}`" in PAGE
    assert REPORT_SECONDS == 10
    assert "every ten seconds" in PAGE


def test_every_action_is_shown() -> None:
    assert {command.split()[1] for command in COMMANDS} == {"list", "set", "remove"}
