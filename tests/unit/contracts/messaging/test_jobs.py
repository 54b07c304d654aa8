"""A job message survives the way through the queue; whatever else lies there is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidMessage, UnknownSchema
from contracts.messaging.jobs import MAX_BYTES, Job, decode_job, encode_job

WORDS = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
WHOLE = {"schema": 1, "submission_id": "s", "workflow": "w", "version": "v1.0.0"}


@given(st.builds(Job, WORDS, WORDS, WORDS))
def test_what_is_encoded_is_decoded(job: Job) -> None:
    assert decode_job(encode_job(job)) == job


def test_the_body_is_the_documented_one() -> None:
    assert json.loads(encode_job(Job("s", "w", "v1.0.0"))) == WHOLE


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_invalid_message(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_job(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"[" * 4000,
        b"\xff\xfe{}",
        b'{"schema": NaN}',
        b'{"schema": 1e999}',
        json.dumps(WHOLE).encode() + b" " * MAX_BYTES,
    ],
)
def test_what_is_no_object_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_job(body)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, "", [], {}, -1, "\ud800", "a\nb"])
def test_a_field_of_another_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidMessage):
        decode_job(json.dumps(WHOLE | {name: value}).encode())


@pytest.mark.parametrize("name", WHOLE)
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        decode_job(json.dumps({key: value for key, value in WHOLE.items() if key != name}).encode())
    assert not isinstance(caught.value, UnknownSchema)


def test_a_newer_schema_is_told_from_garbage() -> None:
    with pytest.raises(UnknownSchema, match="schema 2; this release knows 1"):
        decode_job(json.dumps({"schema": 2, "id": "renamed"}).encode())


def test_a_field_that_a_newer_release_added_is_ignored() -> None:
    assert decode_job(json.dumps(WHOLE | {"tenant": "t"}).encode()) == Job("s", "w", "v1.0.0")
