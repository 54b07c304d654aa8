"""Reads a mask from a model's answer. Pure."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 4_000_000
"""A mask has 256 x 256 pixels. A small file can declare a huge image, and decoding that would exhaust the process's
memory."""


def read_mask(content: bytes) -> NDArray[np.bool_]:
    """Return an array of the shape (height, width), true where the mask is white.

    Raises OSError when it is not a PNG or JPEG image, or has more than MAX_PIXELS. On malicious bytes, Pillow raises
    other types too.
    """
    with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise OSError(
                f"The mask has {image.width} x {image.height} pixels; the limit is {MAX_PIXELS / 1e6:g} million."
            )
        values = np.asarray(image.convert("L"))
    inside: NDArray[np.bool_] = values > 127
    return inside
