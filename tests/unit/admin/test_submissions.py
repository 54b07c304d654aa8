"""A submission's record as an operator reads it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from admin.formatting import record_values
from contracts.submissions.documents import SCHEMA, Attempt, Gate, Lease, to_document
from contracts.submissions.states import StepState, SubmissionState
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.unit.admin.conftest import MemorySystem


def test_a_record_has_every_steps_gate_attempts_and_errors(
    system: MemorySystem, capsys: pytest.CaptureFixture[str]
) -> None:
    submission = make_submission(
        make_workflow(GATED), state=SubmissionState.RUNNING, lease=Lease(owner="me", until=NOW)
    )
    first, second = submission.steps
    first.record(Attempt(started_at=NOW, ended_at=NOW + timedelta(seconds=0.25), error="It hung.", server="http://m"))
    first.state, first.output = StepState.SUCCEEDED, {"label": "x"}
    second.gate = Gate(expression="classification.label == 'y'", value=False, inputs={"classification.label": "x"})
    system.store.documents[submission.id] = to_document(submission)
    assert system("submissions", "show", submission.id) == 0
    text = capsys.readouterr().out
    for part in (
        "me until 2026-03-01 12:00:00.000Z",
        "\n\nstep classification: succeeded, model classifier@1.2.0\n  output  ",
        "\n    2026-03-01 12:00:00.000Z  0.250 s  http://m  It hung.\n",
        """classification.label == 'y' -> false, inputs: {"classification.label": "x"}""",
    ):
        assert part in text
    assert system("submissions", "show", submission.id, "--json") == 0
    assert json.loads(capsys.readouterr().out) == record_values(submission)


def test_a_newer_releases_record_is_not_read(system: MemorySystem, capsys: pytest.CaptureFixture[str]) -> None:
    submission = system.keep()
    system.store.documents[submission.id]["schema"] = SCHEMA + 1
    assert system("submissions", "show", submission.id) == 1
    assert f"schema {SCHEMA + 1}; this release knows {SCHEMA}. Upgrade it." in capsys.readouterr().err
