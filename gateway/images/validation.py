"""Is this image acceptable? By its content, never by its name, and without decoding what could be a bomb. Pure."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass

from PIL import Image

from contracts.errors import RejectedUpload, UploadTooLarge
from contracts.submissions.documents import InputInfo

# Pillow's own limit warns or raises in places that depend on its version; ours stands below, before any decoding.
Image.MAX_IMAGE_PIXELS = None

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg"}
"""By Pillow's format. MPO is what phones call a JPEG with a second picture behind the first."""

EXTENSIONS = (".png", ".jpg", ".jpeg")
MAX_SIDE = 65_535
FILE_NAME_KEPT = 255

_TRIAL_PIXELS = 12_000_000
"""A larger JPEG is not decoded to see whether it is whole: a progressive one would take hundreds of megabytes."""

_MOST_PARTS = 10_000
"""Chunks of a PNG, segments of a JPEG. Each costs its reader time whatever it holds: ten megabytes of empty ones take
Pillow ten seconds. A file of 10 MiB in libpng's chunks has some 1,300."""

_MOST_SCANS = 100
"""Scans of a progressive JPEG, usually ten. Each passes over all pixels: ten megabytes of empty ones take minutes."""

_MOST_FILLING = 4096
"""Bytes between a JPEG's segments that belong to none; Pillow steps over them one by one."""

_START_OF_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_JPEG = b"\xff\xd8"
_END_OF_JPEG = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed 0xff nor one of the restarts inside a scan


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
    if data.startswith(_START_OF_PNG):
        _count_png_parts(data)
    elif data.startswith(_START_OF_JPEG):
        _count_jpeg_parts(data)
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
                f"The image has {width} x {height} pixels; {limits.pixels / 1e6:g} million are accepted, "
                f"and {MAX_SIDE} on a side. Send a smaller one."
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


def _count_png_parts(data: bytes) -> None:
    """Walk the chunks by their lengths. Raises RejectedUpload when there are too many, or the last is missing."""
    position = len(_START_OF_PNG)
    for _ in range(_MOST_PARTS):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4])
        if position > len(data):
            raise RejectedUpload("The PNG image is damaged or cut off (its end is missing). Send the whole file.")
        if kind == b"IEND":
            return
    raise _overloaded(f"{_MOST_PARTS} chunks")


def _count_jpeg_parts(data: bytes) -> None:
    """Walk the segments up to the end of the first picture. Raises RejectedUpload when there are too many."""
    position = len(_START_OF_JPEG)
    scans = filling = 0
    for _ in range(_MOST_PARTS):
        marker = _MARKER.search(data, position)
        if not scans:
            filling += (marker.start() if marker else len(data)) - position
            if filling > _MOST_FILLING:
                raise _overloaded(f"{_MOST_FILLING} bytes between its segments")
        if marker is None or marker[0] == _END_OF_JPEG:
            return
        scans += marker[0] == b"\xff\xda"
        if scans > _MOST_SCANS:
            raise _overloaded(f"{_MOST_SCANS} scans")
        position = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
    raise _overloaded(f"{_MOST_PARTS} segments")


def _overloaded(what: str) -> RejectedUpload:
    return RejectedUpload(f"The image file holds more than {what}. Save it anew with a picture editor and send that.")


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
