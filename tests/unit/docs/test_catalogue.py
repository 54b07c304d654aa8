"""What docs/catalogue.md repeats of the code is held to it."""

from __future__ import annotations

from contracts.submissions.states import ServedState
from orchestrator.maintenance.model_status import REPORT_SECONDS
from tests.unit.docs.test_docs import ROOT

PAGE = (ROOT / "docs" / "catalogue.md").read_text()


def test_the_states_and_the_pace_are_the_real_ones() -> None:
    for state in ServedState:
        assert f"`{state}`" in PAGE
    assert REPORT_SECONDS == 10
    assert "every ten seconds" in PAGE
