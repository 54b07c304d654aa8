"""The errors as values: what each carries, and that it reaches another process whole."""

from __future__ import annotations

import pickle

import pytest

from showcase.errors import ShowcaseError
from tests.support.client_errors import error_example, kinds


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_is_its_sentence_and_survives_pickling(kind: type[ShowcaseError]) -> None:
    error = error_example(kind)
    assert str(error) == "No."
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own bytes
    assert type(copy) is kind
    assert str(copy) == "No."
    assert vars(copy) == vars(error)


def test_an_error_without_a_sentence_is_empty_text() -> None:
    assert str(ShowcaseError()) == ""
