"""Lines of an export: whole, in one order of columns, and harmless to a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Busy
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from gateway.submissions.export import CHUNK_BYTES, OTHER, cell, header, in_chunks, result_fields, row
from gateway.submissions.slots import Slots
from tests.support.factories import GATED, ONE_STEP, make_submission, make_workflow

FIELDS = ["digit", "score", "label", "image"]


def read(text: str) -> dict[str, str]:
    (names,) = csv.reader(io.StringIO(header(FIELDS)))
    (values,) = csv.reader(io.StringIO(text, newline=""))
    return dict(zip(names, values, strict=True))


def test_the_columns_are_what_the_published_workflows_answer() -> None:
    catalogue = Catalogue(
        [make_workflow(ONE_STEP), make_workflow(ONE_STEP.replace("v1.0.0", "v1.1.0")), make_workflow(GATED)]
    )
    assert result_fields(catalogue) == FIELDS
    assert result_fields(catalogue, "gated") == ["label", "image"]
    assert result_fields(catalogue, "nothing") == []


def test_a_row_has_the_result_flat_and_what_no_column_is_for_as_json() -> None:
    submission = make_submission(
        state=SubmissionState.SUCCEEDED,
        metadata={"ward": "7"},
        result={"label": "abnormality", "score": -0.5, "image": {"artifact": "mask.png"}, "older": [1, {"a": None}]},
    )
    values = read(row(submission, FIELDS))
    assert values["id"] == submission.id
    assert (values["result.label"], values["result.score"], values["result.image"]) == (
        "abnormality",
        "-0.5",
        "mask.png",
    )
    assert values["result.digit"] == ""
    assert json.loads(values[OTHER]) == {"older": [1, {"a": None}]}
    assert json.loads(values["metadata"]) == {"ward": "7"}
    assert values["created_at"] == "2026-03-01T12:00:00+00:00"
    assert (values["started_at"], values["reason"]) == ("", "")


@given(name=st.text(), value=st.text(), reason=st.none() | st.text())
def test_any_text_is_one_cell_of_one_row_and_no_formula(name: str, value: object, reason: str | None) -> None:
    submission = make_submission(metadata={"k": value}, reason=reason)
    submission.input.file_name = name
    values = read(row(submission, FIELDS))
    assert values["file_name"] in {name, f"'{name}"}
    assert json.loads(values["metadata"]) == {"k": value}
    for text in values.values():
        assert not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff20x"])
def test_a_text_that_a_spreadsheet_would_compute_is_quoted(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"), [(-1.5, "-1.5"), (7, "7"), (True, "true"), (None, ""), ([1], "[1]"), ("a=1", "a=1")]
)
def test_other_values_are_written_unchanged(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_lines_are_sent_in_pieces_as_they_come() -> None:
    drawn: list[int] = []

    def lines() -> Iterator[str]:
        for number in range(10_000):
            drawn.append(number)
            yield f"{number}\n"

    chunks = in_chunks(lines())
    first = next(chunks)
    assert len(first) < CHUNK_BYTES + 10
    assert len(drawn) < 10_000
    assert first + b"".join(chunks) == "".join(f"{number}\n" for number in range(10_000)).encode()


def test_a_slot_is_released_once() -> None:
    slots = Slots(2, "Come back.")
    first, _ = slots.acquire(), slots.acquire()
    with pytest.raises(Busy, match="Come back"):
        slots.acquire()
    first.release()
    first.release()
    slots.acquire()
    with pytest.raises(Busy):
        slots.acquire()
