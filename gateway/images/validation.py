"""Is this image acceptable? By its content, never by its name, and without decoding what could be a bomb. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from PIL import Image

from contracts.errors import RejectedUpload, UploadTooLarge
from contracts.submissions.documents import InputInfo
from image_files import png
from image_files.cost import decode_cost
from image_files.decoding import ImageFile, check_whole, read_image
from image_files.errors import DamagedImage, NotAnImage, OverloadedImage, UnsupportedImage
from image_files.png import PngFile

# Pillow's own limit warns or raises in places that depend on its version; ours stands below, before any decoding.
Image.MAX_IMAGE_PIXELS = None

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}

EXTENSIONS = (".png", ".jpg", ".jpeg")
MAX_SIDE = 65_535
FILE_NAME_KEPT = 255


@dataclass(frozen=True)
class Limits:
    """Largest image, in bytes of the file, in pixels, and in bytes that decoding a PNG or a JPEG costs.

    None is no bound. :func:`image_files.cost.decode_cost` says what these are.
    """

    bytes: int
    pixels: int
    decoded_bytes: int | None = None
    jpeg_decoded_bytes: int | None = None


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
        file = read_image(data)
        _check_kind(file, limits, formats)
        check_whole(file)
    except NotAnImage as error:
        raise RejectedUpload("The file is not a PNG or JPEG image, whatever its name says. Send one.") from error
    except OverloadedImage as error:
        raise RejectedUpload(
            f"The image file holds more than {error}. Save it again with a picture editor and send that."
        ) from error
    except UnsupportedImage as error:
        raise RejectedUpload(
            f"The image is {error}, which is not read. Save it as a PNG or an ordinary JPEG and send that."
        ) from error
    except DamagedImage as error:
        kind = "PNG" if data.startswith(png.SIGNATURE) else "JPEG"
        raise RejectedUpload(f"The {kind} image is damaged or cut off ({error}). Send the whole file.") from error
    return InputInfo(
        media_type=MEDIA_TYPES[file.format],
        bytes=len(data),
        width=file.width,
        height=file.height,
        file_name=file_name[:FILE_NAME_KEPT],
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _check_kind(file: ImageFile, limits: Limits, formats: tuple[str, ...]) -> None:
    """Raise RejectedUpload for what the header alone forbids, before anything is unpacked."""
    if file.format.lower() not in formats:
        raise RejectedUpload(f"This workflow reads {' or '.join(formats).upper()}, not {file.format}.")
    if file.width * file.height > limits.pixels or max(file.width, file.height) > MAX_SIDE:
        raise RejectedUpload(
            f"The image has {file.width} x {file.height} pixels; {limits.pixels / 1e6:g} million are accepted, "
            f"and {MAX_SIDE} on a side. Send a smaller one."
        )
    _check_cost(file, limits)
    if isinstance(file, PngFile) and file.animated:
        raise RejectedUpload("The image is animated. Send one still picture.")


def _check_cost(file: ImageFile, limits: Limits) -> None:
    cost = decode_cost(file)
    if isinstance(file, PngFile):
        if limits.decoded_bytes is not None and cost > limits.decoded_bytes:
            raise RejectedUpload(
                f"The image has {file.width} x {file.height} pixels of {file.channels} channels and {file.depth} bits, "
                f"{cost / 1e6:.0f} MB; this workflow reads {limits.decoded_bytes / 1e6:.0f} MB of a PNG's pixels. "
                "Send a smaller picture, one of fewer channels or bits, or a JPEG."
            )
    elif limits.jpeg_decoded_bytes is not None and cost > limits.jpeg_decoded_bytes:
        kind = "progressive JPEG" if file.progressive else "JPEG"
        raise RejectedUpload(
            f"The image is a {kind} of {file.width} x {file.height} pixels and {file.channels} channels, whose scans "
            f"take {cost / 1e6:.0f} MB of decoding; this workflow takes {limits.jpeg_decoded_bytes / 1e6:.0f} MB. "
            "Send a smaller picture, or one that is saved as a baseline JPEG."
        )


def _megabytes(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB"
