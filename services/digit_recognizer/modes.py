"""From any Pillow picture to brightness in 0..1, at the size that digits are read at."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image, ImageOps

from image_files.decoding import full_range
from image_files.reduction import reduced
from services.digit_recognizer.ink import Floats

REDUCED_SIDE = 2048
"""A picture whose longer side is at least twice this is first reduced to no less, by averaging whole blocks of pixels:
a small digit on a large page keeps its strokes, and no step converts forty million pixels."""


def eight_bit_range(image: Image.Image) -> Image.Image:
    """Return the picture upright, not much larger than REDUCED_SIDE, and with values 0..255.

    More than 8 bits are scaled by the bits that they need, since 10 in 16 are common; they come out in mode F.
    """
    image = _upright(image)
    deep = image.mode in ("F", "I") or image.mode.startswith("I;16")
    # Of the whole picture: averages are smaller. Of F and I, which no file has, the values may not be finite.
    top = float(image.getextrema()[1]) if image.mode == "I;16" else None  # type: ignore[arg-type]
    factor = max(image.size) // REDUCED_SIDE
    if image.mode not in ("F", "I"):
        image = reduced(image, factor, factor)
    if not deep:
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    if top is None:
        top = float(values.max(initial=0.0))
    scale = float(full_range(top)) if top <= 65535 else top
    return Image.fromarray(values * np.float32(255 / scale))


def shrink(image: Image.Image, side: int) -> Image.Image:
    """Scale so that the longer side is ``side``: down with a box average, up (small drawings) smoothly."""
    width, height = image.size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if image.mode in ("P", "1", "PA"):  # colour numbers cannot be averaged
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if scale > 1:
        return image.resize(size, Image.Resampling.BICUBIC)
    return image.resize(size, Image.Resampling.BOX, reducing_gap=1.5)


def channels(image: Image.Image) -> Floats:
    """Return (channels, height, width) in 0..1; transparent pictures get a background that contrasts with the ink."""
    if image.mode == "F":
        scaled: Floats = np.clip(np.asarray(image, dtype=np.float32) / np.float32(255), 0, 1)[None]
        return scaled
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        layers = np.asarray(image.convert("RGBA"), dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
        colours, alpha = layers[:3], layers[3:]
        drawn = float((colours * alpha).sum()) / max(1e-6, 3 * float(alpha.sum()))
        paper = np.float32(drawn < 0.6)
        composed: Floats = colours * alpha + paper * (1 - alpha)
        return composed
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"), dtype=np.float32)[None] / np.float32(255)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


def _upright(image: Image.Image) -> Image.Image:
    try:
        # exif_transpose copies pictures that are upright already.
        return image if image.getexif().get(ExifTags.Base.Orientation, 1) == 1 else ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF does not make the pixels unreadable
        return image
