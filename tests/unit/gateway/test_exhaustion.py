"""A resource that is used up is told from a mistake, wherever it shows."""

from __future__ import annotations

import errno

import pytest

from gateway.exhaustion import exhausted


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OSError(errno.ENOSPC, ""), "disk"),
        (OSError(errno.EDQUOT, ""), "disk"),
        (OSError(errno.EMFILE, ""), "file descriptor"),
        (OSError(errno.ENFILE, ""), "file descriptor"),
        (OSError(errno.ENOMEM, ""), "memory"),
        (MemoryError(), "memory"),
    ],
)
def test_each_has_a_sentence(error: Exception, word: str) -> None:
    for raised in (error, _caused(error), _during(error)):
        found = exhausted(raised)
        assert found is not None
        assert (found.status, word in found.message) == (503, True)


@pytest.mark.parametrize("error", [OSError("no number"), OSError(errno.EPIPE, ""), TimeoutError(), ValueError("x")])
def test_a_mistake_is_none(error: Exception) -> None:
    assert exhausted(error) is None


def _caused(error: Exception) -> Exception:
    try:
        raise ValueError("of ours") from error
    except ValueError as raised:
        return raised


def _during(error: Exception) -> Exception:
    try:
        try:
            raise error
        except type(error):
            raise ValueError("meanwhile")  # noqa: B904
    except ValueError as raised:
        return raised
