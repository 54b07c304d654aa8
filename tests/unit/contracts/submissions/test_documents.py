"""What is stored is read back, by this release and its neighbours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidDocument, UnknownSchema
from contracts.submissions.documents import (
    ATTEMPTS_KEPT,
    SCHEMA,
    Artifact,
    Attempt,
    Gate,
    Lease,
    Submission,
    from_document,
    image_key,
    to_document,
)
from contracts.submissions.states import StepState, SubmissionState
from tests.support.factories import GATED, NOW, make_submission, make_workflow


def full() -> Submission:
    """A submission that has a value in every field."""
    submission = make_submission(
        make_workflow(GATED),
        state=SubmissionState.RUNNING,
        reason="deferred",
        result={"label": "abnormality", "nothing": None},
        artifacts=[Artifact(name="mask.png", media_type="image/png", bytes=3)],
        lease=Lease(owner="o", until=NOW),
        fence=3,
        lost_leases=1,
        published_at=NOW,
        started_at=NOW,
        ended_at=NOW,
        not_before=NOW,
        expires_at=NOW + timedelta(days=30),
        tenant="t",
        metadata={"k": "v"},
    )
    submission.steps[0].record(Attempt(started_at=NOW, ended_at=NOW, error="e", server="http://m"))
    submission.steps[0].output = {"label": "abnormality", "nothing": None}
    submission.steps[0].state = StepState.SUCCEEDED
    submission.steps[1].gate = Gate(expression="x", value=True, inputs={"classification": {"label": None}}, reason="r")
    return submission


@pytest.mark.parametrize("submission", [make_submission(), full()], ids=["fresh", "full"])
def test_what_is_stored_is_read_back(submission: Submission) -> None:
    assert from_document(to_document(submission)) == submission


@pytest.mark.parametrize("value", [True, False, None])
def test_every_gate_is_read_back(value: bool | None) -> None:
    submission = make_submission()
    submission.steps[0].gate = Gate(expression="x.y", value=value, inputs={}, reason="it needs x, which was skipped")
    assert from_document(to_document(submission)) == submission


def test_absent_values_are_not_stored_and_the_key_is_the_databases() -> None:
    document = to_document(make_submission(due_at=None))
    assert "_id" in document
    assert document["schema"] == SCHEMA
    assert not {"id", "schema_version", "due_at", "lease", "result", "reason", "expires_at"} & document.keys()


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnknownSchema, match=rf"schema {SCHEMA + 1}; this release knows {SCHEMA}\. Upgrade it"):
        from_document(to_document(make_submission()) | {"schema": SCHEMA + 1})


@pytest.mark.parametrize("changes", [{"steps": None}, {"schema": "odd"}, {"state": "odd"}, {"schema": None}])
def test_what_no_release_wrote_is_told_by_its_place(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument, match=rf"cannot be read: {next(iter(changes))}"):
        from_document(to_document(make_submission()) | changes)


def test_fields_that_a_newer_release_added_are_ignored() -> None:
    document: dict[str, Any] = to_document(full())
    document["priority"] = 5
    document["steps"][0]["cost"] = 1
    document["input"]["colour"] = "red"
    assert from_document(document) == full().model_copy(update={"id": document["_id"]})


def test_an_older_schema_is_refused() -> None:
    with pytest.raises(InvalidDocument, match=rf"schema 1; this release reads {SCHEMA} only"):
        from_document(to_document(make_submission()) | {"schema": 1})


@given(st.integers(min_value=1, max_value=60))
def test_a_step_counts_all_tries_and_keeps_the_latest(count: int) -> None:
    step = make_submission().steps[0]
    for number in range(count):
        step.record(Attempt(started_at=NOW, ended_at=NOW, error=str(number)))
    assert step.tries == count
    assert [attempt.error for attempt in step.attempts] == [str(n) for n in range(count)][-ATTEMPTS_KEPT:]


def test_a_step_is_found_by_its_name() -> None:
    assert full().step("segmentation").model.version == "1.0.0"
    assert str(full().step("classification").model) == "classifier@1.2.0"


def test_a_picture_lies_under_its_submission() -> None:
    assert image_key("id", "mask.png") == "id/mask.png"
