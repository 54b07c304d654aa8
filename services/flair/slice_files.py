"""Reads a slice for training by the rules of serving: no picture is taught that would be served otherwise."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from image_files.decoding import check_whole, decode, read_image
from image_files.errors import ImageFileError, NotAnImage

_BITS_PER_SAMPLE = 258  # of TIFF 6.0
_DEEPEST_COLOUR = 8


def read_slice(path: Path) -> Image.Image:
    """Return the slice's pixels, upright. PNG and JPEG are read as the services read them, others by Pillow.

    Raises OSError when the file cannot be read, and when it is a TIFF of 16-bit colour: Pillow keeps the high byte
    alone of it, and the services take none.
    """
    content = path.read_bytes()
    try:
        file = read_image(content)
        check_whole(file)
        return decode(file)
    except NotAnImage:
        pass
    except ImageFileError as error:
        raise OSError(str(error)) from error
    with Image.open(path) as image:
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())
        if len(bits) > 1 and max(bits) > _DEEPEST_COLOUR:
            raise OSError(f"it has {max(bits)} bits a colour, of which 8 would be lost; save it as a PNG")
        image.load()
        return image
