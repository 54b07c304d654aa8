"""Read an image from a path, from bytes, or from an open file."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import BinaryIO

from showcase.errors import ImageUnreadable

Image = str | PathLike[str] | bytes | BinaryIO
MAX_IMAGE_BYTES = 64 * 2**20
"""No server accepts more, so the client does not read a larger file into memory. The server enforces its own limit."""


@dataclass(frozen=True)
class Upload:
    """An image's bytes and the file name to send. Kept in memory, so that the client can send it again."""

    name: str
    content: bytes


def read_image(image: Image, file_name: str | None = None) -> Upload:
    """Return the image's bytes and file name. Raises ImageUnreadable."""
    if isinstance(image, bytes):
        return _checked(file_name or "image", image)
    if isinstance(image, str | PathLike):
        path = Path(fspath(image))
        try:
            with path.open("rb") as file:
                return _checked(file_name or path.name, file.read(MAX_IMAGE_BYTES + 1))
        except OSError as error:
            raise ImageUnreadable(f"The image {path} cannot be read: {error.strerror or error}.") from error
    given_name = getattr(image, "name", None)
    name = file_name or (PurePath(given_name).name if isinstance(given_name, str) else "image")
    try:
        content = image.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ImageUnreadable(f"The image {name} cannot be read: {error}.") from error
    if not isinstance(content, bytes):
        raise ImageUnreadable(f"The file {name} is open as text; open it with mode 'rb'.")
    return _checked(name, content)


def _checked(name: str, content: bytes) -> Upload:
    if len(content) > MAX_IMAGE_BYTES:
        raise ImageUnreadable(
            f"The image {name} is larger than {MAX_IMAGE_BYTES // 2**20} MiB, which no server accepts."
        )
    return Upload(name, content)
