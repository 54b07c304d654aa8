"""Writes PNG files chunk by chunk, sound or not: what no encoder writes must be sent, too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""By the number of channels."""


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int = 8, colour_type: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace))


def png_file(head: bytes, pixels: bytes, before: Iterable[bytes] = (), after: Iterable[bytes] = ()) -> bytes:
    """Join a header, chunks before the pixel data, the data as it is packed, chunks after it, and the end."""
    return b"".join([SIGNATURE, head, *before, chunk(b"IDAT", pixels), *after, chunk(b"IEND")])


def deep_png(samples: NDArray[np.uint16], before: Iterable[bytes] = ()) -> bytes:
    """Return a 16-bit PNG of samples of the shape (height, width, channels)."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)
    return png_file(header(width, height, 16, COLOUR_TYPES[channels]), zlib.compress(filtered.tobytes()), before)
