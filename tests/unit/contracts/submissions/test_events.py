"""Events: numbered in their document, announced in notices."""

from __future__ import annotations

import pytest

from contracts.errors import InvalidMessage
from contracts.submissions.documents import Event, Gate
from contracts.submissions.events import (
    MAX_BYTES,
    SubmissionChanged,
    decode_change,
    encode_change,
    numbered,
    step_events,
    submission_event,
)
from contracts.submissions.states import StepState, SubmissionState
from tests.support.factories import GATED, NOW, make_submission, make_workflow

GATE = Gate(expression="a.b == 'c'", value=False, inputs={"a": {"b": "d"}})


def test_a_notice_survives_the_wire() -> None:
    event = Event(type="step.skipped", at=NOW, step="segmentation", gate=GATE)
    change = SubmissionChanged("x", "gated", SubmissionState.RUNNING, 3, (event,))
    assert decode_change(encode_change(change)) == change
    unnumbered = SubmissionChanged("x", "gated", SubmissionState.QUEUED, None)
    assert decode_change(encode_change(unnumbered)) == unnumbered


def test_a_field_of_a_newer_release_is_left_out() -> None:
    body = encode_change(SubmissionChanged("x", "gated", SubmissionState.QUEUED, None))
    assert decode_change(body[:-1] + b',"colour":"red"}') == decode_change(body)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"\xff", b'{"submission_id":"x","workflow":"y","state":"odd"}', b" " * MAX_BYTES]
)
def test_what_is_no_notice_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_change(body)


def test_what_is_too_long_is_not_parsed() -> None:
    with pytest.raises(InvalidMessage, match="at most"):
        decode_change(b" " * (MAX_BYTES + 1))


def test_numbers_go_on_when_old_events_are_dropped() -> None:
    events = [submission_event(SubmissionState.RUNNING, NOW), submission_event(SubmissionState.FAILED, NOW, "why")]
    submission = make_submission(events=events, event_count=9)
    assert [(each.number, each.event.type) for each in numbered(submission)] == [
        (8, "submission.running"),
        (9, "submission.failed"),
    ]


def test_what_ended_is_told_before_what_begins() -> None:
    steps = make_workflow(GATED).fresh_steps()
    steps[0].state, steps[1].state = StepState.SUCCEEDED, StepState.RUNNING
    known = {"classification": StepState.RUNNING, "segmentation": StepState.PENDING}
    assert [event.type for event in step_events(known, steps, NOW)] == ["step.succeeded", "step.running"]
    assert step_events({step.name: step.state for step in steps}, steps, NOW) == []


def test_the_gate_is_told_where_it_decides() -> None:
    steps = make_workflow(GATED).fresh_steps()
    steps[1].gate = GATE
    for state, told in [(StepState.SKIPPED, GATE), (StepState.RUNNING, GATE), (StepState.SUCCEEDED, None)]:
        steps[1].state = state
        assert [event.gate for event in step_events({}, steps, NOW)] == [told]
