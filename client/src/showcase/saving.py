"""Write files completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol


class SupportsWrite(Protocol):
    def write(self, part: bytes, /) -> object: ...


def save(parts: Iterable[bytes], to: str | PathLike[str] | BinaryIO) -> int:
    """Write the parts while they arrive and return the number of bytes.

    With a path, the new file replaces the old one when it is complete; an error leaves the old one. Raises OSError.
    """
    if not isinstance(to, str | PathLike):
        return _copy(parts, to)
    path = Path(to)
    if path.exists() and not path.is_file():  # a device or pipe such as /dev/stdout cannot be replaced
        with path.open("wb") as file:
            return _copy(parts, file)
    with NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as file:
        try:
            written = _copy(parts, file)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return written


def _copy(parts: Iterable[bytes], file: SupportsWrite) -> int:
    written = 0
    for part in parts:
        file.write(part)
        written += len(part)
    return written


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
