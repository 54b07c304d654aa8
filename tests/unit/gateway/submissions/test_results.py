"""From documents to bodies, without HTTP."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contracts.submissions.states import SubmissionState
from gateway.submissions.results import artifact_name, artifacts_in, pixel_rows, seconds_taken, v1_result
from tests.support.factories import NOW, encoded, make_submission


@given(st.binary(min_size=12, max_size=12))
def test_pixels_come_row_by_row_as_black_or_white(values: bytes) -> None:
    picture = Image.frombytes("L", (4, 3), values)
    expected = (np.frombuffer(values, np.uint8).reshape(3, 4) > 127) * 255
    rows = pixel_rows(encoded(picture, "PNG"))
    assert rows == expected.tolist()
    assert type(rows[0][0]) is int


@pytest.mark.parametrize(
    ("started", "ended", "seconds"),
    [(0, 0.25, 0.25), (None, 1, 0.0), (0, None, 0.0), (None, None, 0.0), (0, 86400, 86400)],
)
def test_the_time_taken_is_from_the_first_claim_to_the_end(
    started: float | None, ended: float | None, seconds: float
) -> None:
    times = [None if value is None else NOW + timedelta(seconds=value) for value in (started, ended)]
    assert seconds_taken(make_submission(started_at=times[0], ended_at=times[1])) == seconds


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"artifact": "mask.png"}, "mask.png"),
        ({"artifact": "mask.png", "more": 1}, None),
        ({}, None),
        ("mask.png", None),
        (["artifact"], None),
        (None, None),
    ],
)
def test_a_reference_to_an_artifact_is_distinguished_from_other_values(value: object, name: str | None) -> None:
    assert artifact_name(value) == name
    assert artifacts_in({"x": value}) == ([name] if name else [])


def test_no_result_has_no_artifacts() -> None:
    assert artifacts_in(None) == []


def test_a_success_without_a_result_predicts_nothing() -> None:
    assert v1_result(make_submission(state=SubmissionState.SUCCEEDED), {})["prediction"] == {}


def test_the_body_in_progress_is_a_copy() -> None:
    v1_result(make_submission(), {})["status"] = "changed"
    assert v1_result(make_submission(), {})["status"] == "In Progress"
