"""Is this image acceptable? By its content, never by its name, and without decoding what could be a bomb. Pure."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from contracts.documents import InputInfo
from contracts.errors import RejectedUpload, UploadTooLarge

# Pillow's own limit warns or raises in places that depend on its version; ours stands below, before any decoding.
Image.MAX_IMAGE_PIXELS = None

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg"}
"""By Pillow's format. MPO is what phones call a JPEG with a second picture behind the first."""

EXTENSIONS = (".png", ".jpg", ".jpeg")
MAX_SIDE = 65_535
FILE_NAME_KEPT = 255

_TRIAL_PIXELS = 12_000_000
"""A larger JPEG is not decoded to see whether it is whole: a progressive one would take hundreds of megabytes."""

_END_OF_JPEG = b"\xff\xd9"


@dataclass(frozen=True)
class Limits:
    """Largest image, in bytes and in pixels."""

    bytes: int
    pixels: int


def has_image_extension(file_name: str) -> bool:
    return file_name.lower().endswith(EXTENSIONS)


def examine(data: bytes, file_name: str, limits: Limits, formats: tuple[str, ...] = ("png", "jpeg")) -> InputInfo:
    """Return what the upload is. Raises RejectedUpload (what is wrong, what would be right) and UploadTooLarge."""
    if not data:
        raise RejectedUpload("The image is empty (0 bytes). Send a PNG or JPEG file.")
    if len(data) > limits.bytes:
        raise UploadTooLarge(
            f"The image has {_megabytes(len(data))}, more than the {_megabytes(limits.bytes)} that are accepted. "
            "Send a smaller one."
        )
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
    except Exception as error:
        raise RejectedUpload("The file is not a PNG or JPEG image, whatever its name says. Send one.") from error
    with image:
        kind = image.format or ""
        media_type = MEDIA_TYPES.get(kind, "")
        width, height = image.size
        if media_type.removeprefix("image/") not in formats:
            raise RejectedUpload(f"This workflow reads {' or '.join(formats).upper()}, not {kind}.")
        if width * height > limits.pixels or max(width, height) > MAX_SIDE:
            raise RejectedUpload(
                f"The image has {width} x {height} pixels; {limits.pixels / 1e6:g} million are accepted. "
                "Send a smaller one."
            )
        if kind == "PNG" and getattr(image, "is_animated", False):
            raise RejectedUpload("The image is animated. Send one still picture.")
        try:
            _read_through(image, data)
        except Exception as error:
            raise RejectedUpload(
                f"The {kind} image is damaged or cut off ({_sentence(error)}). Send the whole file."
            ) from error
    return InputInfo(
        media_type=media_type,
        bytes=len(data),
        width=width,
        height=height,
        file_name=file_name[:FILE_NAME_KEPT],
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _read_through(image: Image.Image, data: bytes) -> None:
    """Raise when the file is not whole: a PNG by its checksums, a JPEG by a decode at an eighth of its size."""
    if image.format == "PNG":
        image.verify()
    elif image.width * image.height <= _TRIAL_PIXELS:
        image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    elif _END_OF_JPEG not in data[len(data) // 2 :]:
        raise ValueError("its end is missing")


def _sentence(error: Exception) -> str:
    return str(error).strip().rstrip(".")[:120] or type(error).__name__


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB"
