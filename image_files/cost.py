"""What a file costs its decoder, known without decoding it, and whether it is large. Pure."""

from __future__ import annotations

from image_files.decoding import ImageFile, read_image
from image_files.errors import ImageFileError
from image_files.png import PngFile

COEFFICIENT_BYTES = 2

LARGE_PNG_BYTES = 8_000_000
LARGE_JPEG_BYTES = 24_000_000
"""From these costs on a picture takes about 0.1 s of a core of 2023, as long as many ordinary ones. Two million pixels
of RGBA cost less, and so does a photograph of twelve million whose colours have half the resolution, as is usual."""

LARGE_SUFFIX = "-large"
"""What follows a model's version where its server takes large pictures, each alone."""


def decode_cost(file: ImageFile) -> int:
    """Return how many bytes decoding passes over or keeps; those of a PNG take about five times as long.

    A PNG's are its pixels: width x height x channels x bytes a channel, of which at least 1. A JPEG's are its samples,
    counted once for each scan that passes over them; where it has several scans, the coefficients that are kept until
    the last one are added, 2 bytes a sample.
    """
    if isinstance(file, PngFile):
        return file.width * file.height * file.channels * max(1, file.depth // 8)
    return file.scanned_samples + (COEFFICIENT_BYTES * file.samples if file.several_scans else 0)


def is_large(data: bytes) -> bool:
    """Return whether reading the picture takes so long that no other should wait for it. False for what is none."""
    try:
        file = read_image(data)
    except ImageFileError:
        return False
    return decode_cost(file) > (LARGE_PNG_BYTES if isinstance(file, PngFile) else LARGE_JPEG_BYTES)
