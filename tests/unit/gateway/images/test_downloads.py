"""Which submissions have an overlay: those whose step answered the mask that the step's model declares."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.models.descriptions import Overlay
from contracts.submissions.documents import Artifact, ModelRef, Submission
from gateway.images.downloads import OVERLAY, find_overlay
from gateway.images.overlay import SubmissionOverlay
from tests.support.factories import make_submission, make_workflow

TWO_MASKS = """
workflow: pair
version: v1.0.0
input: {kind: image}
steps:
  left: {model: segmenter@1.0.0}
  right: {model: other@1.0.0}
output: {left: left.mask, right: right.mask}
"""
STYLE = Overlay(mask="mask")
BLUE = Overlay(mask="mask", channel="blue")


def picture(name: str, media_type: str = "image/png") -> Artifact:
    return Artifact(name=name, media_type=media_type, bytes=3)


def segmented(*artifacts: Artifact, **outputs: dict[str, Any]) -> Submission:
    submission = make_submission(make_workflow(TWO_MASKS), artifacts=list(artifacts))
    for step in submission.steps:
        step.output = outputs.get(step.name)
    return submission


def declares(**styles: Overlay) -> Any:
    return lambda model: styles.get(model.name)


def test_the_mask_of_a_model_that_declares_an_overlay_is_drawn() -> None:
    submission = segmented(picture("mask.png"), left={"mask": {"artifact": "mask.png"}, "area": 0.5})
    assert find_overlay(submission, declares(segmenter=STYLE)) == SubmissionOverlay("mask.png", STYLE)


def test_the_model_is_asked_for_by_its_pinned_version() -> None:
    submission = segmented(picture("mask.png"), left={"mask": {"artifact": "mask.png"}})
    asked: list[str] = []

    def declared(model: ModelRef) -> None:
        asked.append(str(model))

    assert find_overlay(submission, declared) is None
    assert asked == ["segmenter@1.0.0", "other@1.0.0"]


def test_a_mask_that_carries_its_steps_name_is_found() -> None:
    submission = segmented(
        picture("mask.png"),
        picture("right.mask.png"),
        left={"mask": {"artifact": "mask.png"}},
        right={"mask": {"artifact": "right.mask.png"}},
    )
    assert find_overlay(submission, declares(other=BLUE)) == SubmissionOverlay("right.mask.png", BLUE)
    assert find_overlay(submission, declares(segmenter=STYLE, other=BLUE)) == SubmissionOverlay("mask.png", STYLE)


@pytest.mark.parametrize(
    "submission",
    [
        segmented(),
        segmented(picture("mask.png")),
        segmented(left={"mask": {"artifact": "mask.png"}}),
        segmented(picture("heat.png"), left={"heat": {"artifact": "heat.png"}}),
        segmented(picture("mask.png"), left={"mask": "mask.png"}),
        segmented(picture("mask.jpg", "image/jpeg"), left={"mask": {"artifact": "mask.jpg"}}),
        segmented(picture("mask.png"), picture(OVERLAY), left={"mask": {"artifact": "mask.png"}}),
    ],
    ids=["nothing ran", "no output", "not stored", "another field", "no reference", "a JPEG", "an overlay of its own"],
)
def test_without_such_a_mask_there_is_no_overlay(submission: Submission) -> None:
    assert find_overlay(submission, declares(segmenter=STYLE)) is None
