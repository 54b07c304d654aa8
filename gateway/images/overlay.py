"""A mask drawn over its picture: contour and translucent fill, as the model that answered the mask declares. Pure.

The picture is read as a model's preprocessing reads it: grey stands for each channel, transparent pixels are black, and
another size is brought to the mask's.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from contracts.errors import UnknownArtifact
from contracts.models.descriptions import Overlay
from gateway.images.masks import read_mask
from image_files.decoding import decode_as_stored, deep_grey_to_eight_bits, read_image
from image_files.orientation import turned_upright

VERSION = 1
"""Counts the ways of drawing: part of the ETag. Raise it when a default of Overlay changes, too."""

REDUCED_SIDE = 1024
"""A larger picture is reduced to about this before its channels are told apart, which then costs no memory."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SubmissionOverlay:
    """What is drawn for one submission: the name of the artifact that holds the mask, and how its model declares it."""

    mask: str
    style: Overlay

    def etag(self, input_sha256: str, mask: bytes) -> str:
        """Return the ETag of the drawing, known without drawing: of the picture, the mask and what is declared."""
        parts = [str(VERSION), input_sha256, hashlib.sha256(mask).hexdigest()]
        if declared := self.style.model_dump(exclude={"mask"}, exclude_defaults=True):
            parts.append(json.dumps(declared, sort_keys=True))
        return hashlib.sha256(":".join(parts).encode()).hexdigest()


def draw(picture: bytes, mask: bytes, overlay: SubmissionOverlay) -> bytes:
    """Return a PNG of the mask's size. Raises UnknownArtifact when one of the two cannot be read as a picture."""
    try:
        inside = read_mask(mask)
        grey = _channel(picture, overlay.style.channel, (inside.shape[1], inside.shape[0]))
    except MemoryError:
        raise  # it says nothing about the image
    except Exception as error:  # Pillow's parsers leak many types on hostile bytes
        raise UnknownArtifact(
            "There is no overlay of this submission: its input or its mask cannot be decoded. "
            f"Get {overlay.mask} instead."
        ) from error
    content = io.BytesIO()
    Image.fromarray(blend(grey, inside, overlay.style)).save(content, format="PNG")
    return content.getvalue()


def blend(grey: Pixels, inside: NDArray[np.bool_], style: Overlay) -> Pixels:
    """Return RGB: grey outside of the mask, tinted inside, a line of one pixel along its inner edge."""
    shown = np.repeat(grey[:, :, None], 3, axis=2)
    fill = np.array(ImageColor.getrgb(style.fill), dtype=np.float32)
    tinted = shown[inside].astype(np.float32) * (1 - style.fill_opacity) + fill * style.fill_opacity
    shown[inside] = tinted.round().astype(np.uint8)
    shown[contour(inside)] = np.array(ImageColor.getrgb(style.contour), dtype=np.uint8)
    return shown


def contour(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask's pixels that touch one outside of it, by a side; what lies beyond the picture is outside."""
    framed = np.pad(inside, 1)
    surrounded = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    edge: NDArray[np.bool_] = inside & ~surrounded
    return edge


def _channel(content: bytes, name: str, size: tuple[int, int]) -> Pixels:
    file = read_image(content)
    # Turned when it is small: what is squeezed into a square may be turned before or after.
    small = turned_upright(_reduced(decode_as_stored(file, size)), file.orientation)
    channel = _to_rgb(small).getchannel(name[0].upper())
    if channel.size != size:
        channel = channel.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(channel, dtype=np.uint8)


def _reduced(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        image = deep_grey_to_eight_bits(image)
    factor = max(image.size) // REDUCED_SIDE
    if factor < 2:
        return image
    if image.mode in {"P", "PA", "1"}:  # an average of palette numbers is no colour
        return image.convert("RGB").reduce(factor)
    return image.reduce(factor)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in {"LA", "La", "PA", "RGBa", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")
