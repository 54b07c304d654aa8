"""Turns any picture into the networks' input, the same in training, evaluation and serving. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image_files.decoding import deep_grey_to_eight_bits
from image_files.reduction import reduced

SIDE = 256
"""Side of the networks' input and of a mask, in pixels."""

REDUCED_SIDE = 4 * SIDE
"""A side of at least twice this is first reduced to no less, by averaging whole blocks: a large picture then costs
neither the time nor the memory of converting each of its pixels, and the network's input differs by one step of 255 at
most."""

MEAN = np.array([0.060, 0.056, 0.058], dtype=np.float32)
STD = np.array([0.122, 0.114, 0.114], dtype=np.float32)
"""Rounded intensity statistics of the training patients (pre-contrast, FLAIR, post-contrast), of values in 0..1.

Constants, not statistics of each picture: the service gets one slice, never its volume.
"""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an 8-bit RGB picture of (pre-contrast, FLAIR, post-contrast).

    A grey picture is taken as FLAIR and replaces the two missing sequences, as in the training set.
    Transparent pixels become black, the background of a slice. 16-bit grey is scaled by its own maximum when that
    exceeds 8 bits, because scanners rarely use the whole range.
    """
    if image.mode == "I;16":
        image = deep_grey_to_eight_bits(image)
    if image.mode in {"I", "I;16B", "I;16L", "I;16N", "F"}:
        values = np.asarray(image, dtype=np.float32)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
        peak = float(values.max(initial=0.0))
        if peak > 255.0:
            values = values * (255.0 / peak)
        image = Image.fromarray(values.round().astype(np.uint8))
    elif image.mode in {"LA", "La", "PA", "RGBa", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")


def prepare_slice(image: Image.Image) -> NDArray[np.float32]:
    """Turn any picture into one network input: float32 of shape (3, 256, 256), normalised by MEAN and STD."""
    if image.mode == "I;16":
        image = deep_grey_to_eight_bits(image)  # by its greatest value, which averages would lower
    across, down = max(1, image.width // REDUCED_SIDE), max(1, image.height // REDUCED_SIDE)
    rgb = to_rgb(reduced(image, across, down))
    if rgb.size != (SIDE, SIDE):
        whole = (0, 0, image.width / across, image.height / down)  # the last blocks may lie half outside
        rgb = rgb.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=whole)
    return normalise(np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1))


def normalise(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn uint8 (3, H, W) pixels into the float32 values that the networks read."""
    values = pixels.astype(np.float32) / np.float32(255.0)
    return (values - MEAN[:, None, None]) / STD[:, None, None]
