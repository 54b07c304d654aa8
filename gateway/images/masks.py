"""Reads a mask from a model's answer. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from image_files.decoding import decode, read_image
from image_files.errors import ImageFileError

MAX_PIXELS = 4_000_000
"""A mask has 256 x 256 pixels. A small file can declare a huge image, and decoding that would exhaust the process's
memory."""


def read_mask(content: bytes) -> NDArray[np.bool_]:
    """Return an array of the shape (height, width), true where the mask is white.

    Raises OSError when it is not a PNG or JPEG image, or has more than MAX_PIXELS.
    """
    try:
        file = read_image(content)
        if file.width * file.height > MAX_PIXELS:
            raise OSError(
                f"The mask has {file.width} x {file.height} pixels; the limit is {MAX_PIXELS / 1e6:g} million."
            )
        values = np.asarray(decode(file).convert("L"))
    except ImageFileError as error:
        raise OSError(f"The mask cannot be read as a PNG or JPEG image: {error}.") from error
    inside: NDArray[np.bool_] = values > 127
    return inside
