"""A model service's answers, and how binary values are encoded in a JSON answer."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from typing import Any

from contracts.errors import ModelRefused

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A mask of 256x256 pixels takes a few kilobytes. A model that answers with megabytes is broken."""

_MAX_DEPTH = 8
_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg"}


@dataclass(frozen=True)
class Binary:
    """An image in a model's answer: it is stored as an artifact, never inside a submission."""

    field: str
    media_type: str
    data: bytes

    @property
    def extension(self) -> str:
        return _EXTENSIONS[self.media_type]


def read_answer(answer: object) -> tuple[dict[str, Any], list[Binary]]:
    """Split a model's answer into plain values and images.

    A field ``{"media_type": "image/png", "data": "<base64>"}`` at the top level becomes a Binary and is left out of
    the plain values. Raises ModelRefused if the answer is no object, nests too deep, contains NaN or an infinity (which
    is not JSON), a value that no document can store, or an image that is none.
    """
    if not isinstance(answer, dict):
        raise ModelRefused("The model's answer is not a JSON object.")
    plain: dict[str, Any] = {}
    binaries: list[Binary] = []
    for name, value in answer.items():
        _check_text(name, name)
        if isinstance(value, dict) and value.keys() == {"media_type", "data"}:
            binaries.append(_binary(name, value))
        else:
            _check(value, name, _MAX_DEPTH)
            plain[name] = value
    return plain, binaries


def _binary(name: str, value: dict[str, Any]) -> Binary:
    media_type = value["media_type"]
    if not isinstance(media_type, str) or media_type not in _EXTENSIONS:
        raise ModelRefused(f"The model's field {name!r} has the media type {media_type!r}, which is not supported.")
    try:
        data = base64.b64decode(value["data"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ModelRefused(f"The model's field {name!r} is not base64.") from error
    if not data.startswith(_SIGNATURES[media_type]):
        raise ModelRefused(f"The model's field {name!r} is no {media_type}, although it says so.")
    return Binary(name, media_type, data)


def _check(value: object, name: str, depth: int) -> None:
    if depth == 0:
        raise ModelRefused(f"The model's field {name!r} nests too deep.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelRefused(f"The model's field {name!r} is not a finite number.")
    if isinstance(value, int) and value.bit_length() > 63:
        raise ModelRefused(f"The model's field {name!r} is a number of more than 64 bits.")
    if isinstance(value, str):
        _check_text(value, name)
    if isinstance(value, dict):
        if value.keys() == {"artifact"}:
            raise ModelRefused(
                f"The model's field {name!r} looks like a reference to an artifact, which only the platform creates."
            )
        for key, item in value.items():
            _check_text(key, name)
            _check(item, f"{name}.{key}", depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, name, depth - 1)


def _check_text(text: str, name: str) -> None:
    """Refuse what JSON can spell and a document cannot store: half of a surrogate pair, and the null character."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise ModelRefused(f"The model's field {name!r} holds a character that cannot be stored.") from error
    if b"\0" in encoded:
        raise ModelRefused(f"The model's field {name!r} holds a character that cannot be stored.")
