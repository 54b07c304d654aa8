"""v1 and v2 are two views of one submission: whatever is stored, they say the same."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contracts.submissions.documents import Artifact, Submission, from_document, to_document
from contracts.submissions.states import StepState, SubmissionState
from gateway.api.resources.submissions import resource
from gateway.submissions.ports import Backlog
from gateway.submissions.results import artifacts_in, pixel_rows, v1_result
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.support.strategies import workflow_files

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
PICTURES = {"mask.png": 3, "heat.png": 5}
REASONS = st.none() | st.text(min_size=1, max_size=40)
SECONDS = st.floats(0, 10_000, allow_nan=False)


def mask(side: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray((np.indices((side, side)).sum(axis=0) % 2 * 255).astype("uint8")).save(content, "PNG")
    return content.getvalue()


BYTES = {name: mask(side) for name, side in PICTURES.items()}


@st.composite
def stored(draw: st.DrawFn) -> Submission:
    """A submission as the database may hold it, in any state, with any result; read back from its document."""
    workflow = make_workflow(draw(st.just(GATED) | workflow_files()))
    state = draw(st.sampled_from(SubmissionState))
    taken = draw(st.booleans()) or state in {SubmissionState.RUNNING, SubmissionState.SUCCEEDED}
    steps = workflow.fresh_steps()
    for step in steps:
        step.state, step.tries = draw(st.sampled_from(StepState)), draw(st.integers(0, 9))
    names = draw(st.lists(st.sampled_from(sorted(PICTURES)), unique=True))
    values = VALUES.filter(lambda value: not isinstance(value, dict) or value.keys() != {"artifact"})
    result: dict[str, Any] | None = None
    if state is SubmissionState.SUCCEEDED:
        result = draw(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), values, max_size=4))
        result |= {f"picture{number}": {"artifact": name} for number, name in enumerate(names)}
    begun = NOW + timedelta(seconds=draw(SECONDS))
    return from_document(
        to_document(
            make_submission(
                workflow,
                state=state,
                steps=steps,
                reason=draw(REASONS) if state is not SubmissionState.SUCCEEDED else None,
                result=result,
                artifacts=[Artifact(name=name, media_type="image/png", bytes=len(BYTES[name])) for name in names],
                started_at=begun if taken else None,
                ended_at=begun + timedelta(seconds=draw(SECONDS)) if state.terminal else None,
                metadata=draw(st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), st.text(max_size=9))),
            )
        )
    )


@given(submission=stored(), waiting=st.integers(0, 1000), pace=st.floats(0, 100))
def test_both_views_of_a_stored_submission_agree(submission: Submission, waiting: int, pace: float) -> None:
    v1 = v1_result(submission, BYTES)
    v2 = resource(submission, Backlog(waiting, pace), NOW).model_dump(mode="json")
    assert (v1["status"] == "In Progress") == (v2["state"] in {"queued", "running"})
    assert (v1["status"] == "Success") == (v2["state"] == "succeeded")
    assert (v1["status"] == "Failure") == (v2["state"] in {"failed", "canceled"})
    assert (v2["queue"] is not None) == (v2["state"] == "queued")
    if v1["status"] == "In Progress":
        assert (v2["result"], v2["ended_at"]) == (None, None)
        return
    assert v1["submission_id"] == v2["id"]
    assert (v1["workflow_id"], v1["configuration_version"]) == (v2["workflow"]["name"], v2["workflow"]["version"])
    if v1["status"] == "Failure":
        assert v1["message"] == (v2["reason"] or f"The submission was {v2['state']}.")
        assert v2["result"] is None
        return
    assert list(v1["prediction"]) == list(v2["result"])
    links = {}
    for name, value in v2["result"].items():
        if isinstance(value, dict) and value.keys() == {"artifact", "url"} and name.startswith("picture"):
            links[value["artifact"]] = value["url"]
            assert v1["prediction"][name] == pixel_rows(BYTES[value["artifact"]])
        else:
            assert v1["prediction"][name] == value
    assert sorted(links) == sorted(artifacts_in(submission.result))
    assert {each["name"]: each["url"] for each in v2["artifacts"]} == links
