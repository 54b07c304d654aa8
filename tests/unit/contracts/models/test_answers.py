"""A model's answer is split into plain values and pictures, or refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ModelRefused
from contracts.models.answers import Binary, read_answer

PNG_START, JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
SMALL = base64.b64encode(PNG_START).decode()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_plain_values_pass_as_they_are() -> None:
    answer = {"digit": 7, "score": 0.5, "label": "a", "none": None, "list": [1, {"x": True}], "least": -(2**63 - 1)}
    assert read_answer(answer) == (answer, [])


@pytest.mark.parametrize(
    ("media_type", "extension", "content"), [("image/png", "png", PNG_START), ("image/jpeg", "jpg", JPEG_START)]
)
def test_a_picture_is_taken_out(media_type: str, extension: str, content: bytes) -> None:
    data = base64.b64encode(content).decode()
    plain, binaries = read_answer({"mask": {"media_type": media_type, "data": data}, "area": 0.1})
    assert plain == {"area": 0.1}
    assert binaries == [Binary("mask", media_type, content)]
    assert binaries[0].extension == extension


@pytest.mark.parametrize("answer", [None, [], [{"digit": 7}], "7", 7, True])
def test_an_answer_that_is_no_object_is_refused(answer: object) -> None:
    with pytest.raises(ModelRefused, match="not a JSON object"):
        read_answer(answer)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: [n], lambda n: {"x": [{"y": n}]}])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(number: float, wrap: Any) -> None:
    with pytest.raises(ModelRefused, match=r"'score.*not a finite number"):
        read_answer({"score": wrap(number)})


def test_nesting_has_an_end() -> None:
    read_answer({"deep": nested(7)})
    with pytest.raises(ModelRefused, match="'deep' nests too deep"):
        read_answer({"deep": nested(8)})


@pytest.mark.parametrize("value", [2**63, -(2**64), "half \ud83d", "zero \0", {"a\0b": 1}, {"\udc00": 1}])
def test_what_no_document_can_hold_is_refused(value: Any) -> None:
    for wrapped in (value, [value]):
        with pytest.raises(ModelRefused):
            read_answer({"field": wrapped})


@pytest.mark.parametrize("name", ["a\0", "\ud800"])
def test_a_field_whose_name_cannot_be_stored_is_refused(name: str) -> None:
    for value in (1, {"media_type": "image/png", "data": SMALL}):
        with pytest.raises(ModelRefused, match="cannot be stored"):
            read_answer({name: value})


@pytest.mark.parametrize("data", ["no base64!", "YQ", "YQ==\n", "é", None, 5, [], {}, ""])
def test_data_that_is_not_base64_is_refused(data: Any) -> None:
    with pytest.raises(ModelRefused, match=r"'mask' is (not base64|no image/png)"):
        read_answer({"mask": {"media_type": "image/png", "data": data}})


def test_what_only_says_that_it_is_a_picture_is_refused() -> None:
    data = base64.b64encode(JPEG_START).decode()
    with pytest.raises(ModelRefused, match="is no image/png"):
        read_answer({"mask": {"media_type": "image/png", "data": data}})


@pytest.mark.parametrize("answer", [{"label": {"artifact": "input"}}, {"boxes": [{"artifact": "x"}]}])
def test_a_model_cannot_refer_to_an_artifact(answer: Any) -> None:
    with pytest.raises(ModelRefused, match="which only the platform"):
        read_answer(answer)


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "IMAGE/PNG", "", None, 1, ["image/png"], {}])
def test_a_media_type_that_is_not_known_is_refused(media_type: Any) -> None:
    with pytest.raises(ModelRefused, match="'mask' has the media type"):
        read_answer({"mask": {"media_type": media_type, "data": SMALL}})


def test_an_object_with_more_than_a_picture_is_a_plain_value() -> None:
    answer = {"mask": {"media_type": "image/png", "data": SMALL, "area": 1}}
    assert read_answer(answer) == (answer, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PICTURE_LIKE = st.fixed_dictionaries({"media_type": JSON | st.just("image/png"), "data": JSON})


@given(JSON | st.dictionaries(st.text(max_size=3), JSON | PICTURE_LIKE, max_size=3))
def test_no_answer_raises_anything_but_model_refused(answer: object) -> None:
    refusal = ""
    try:
        plain, binaries = read_answer(answer)
    except ModelRefused as error:
        refusal = error.message
    else:
        assert isinstance(answer, dict)
        assert plain.keys() | {binary.field for binary in binaries} == answer.keys()
    refusal.encode()  # it is stored as the reason, so it must be text that can be
