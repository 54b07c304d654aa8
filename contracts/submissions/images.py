"""A stored image: the input of a submission, or an artifact that a step made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredImage:
    """``data`` is the whole file."""

    media_type: str
    data: bytes
