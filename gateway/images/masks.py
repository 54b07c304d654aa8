"""Reads a mask that a model answered. Pure."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 4_000_000
"""A mask has 256 x 256 pixels. A small file can claim to be a giant image, which would take the process's memory when
it is decoded."""


def read_mask(content: bytes) -> NDArray[np.bool_]:
    """Return an array of the shape (height, width), true where the mask is white.

    Raises OSError for what is no PNG or JPEG image and for one of more than MAX_PIXELS. On hostile bytes, Pillow raises
    other types too.
    """
    with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise OSError(
                f"The mask has {image.width} x {image.height} pixels; {MAX_PIXELS / 1e6:g} million are read at most."
            )
        values = np.asarray(image.convert("L"))
    inside: NDArray[np.bool_] = values > 127
    return inside
