"""Makes a large picture smaller by averaging whole blocks of pixels, a few rows at a time. Pure."""

from __future__ import annotations

import numpy as np
from PIL import Image

_STRIP_ROWS = 256
_COLOUR_NUMBERS = {"1", "P", "PA"}


def reduced(image: Image.Image, across: int, down: int) -> Image.Image:
    """Return the averages of blocks of ``across`` x ``down`` pixels; ``image`` itself where both are at most 1.

    Colour numbers become colours first, and a colour that stands for transparency becomes transparent; ``I;16``
    becomes ``F``. However large the picture, only some rows of it are converted at a time.
    """
    if across <= 1 and down <= 1:
        return image
    across, down = max(1, across), max(1, down)
    size = -(-image.width // across), -(-image.height // down)
    made: Image.Image | None = None
    rows = max(1, _STRIP_ROWS // down) * down
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        averages = _averageable(strip).reduce((across, down))
        if made is None:
            made = Image.new(averages.mode, size)
        made.paste(averages, (0, top // down))
    return image if made is None else made


def _averageable(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(image).astype(np.float32))
    if "transparency" in image.info or image.mode == "PA":
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in _COLOUR_NUMBERS else image
