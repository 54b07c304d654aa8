"""What a test knows to be there, for the type checker as well."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """Return the value. A test fails here where there is none."""
    assert value is not None
    return value
