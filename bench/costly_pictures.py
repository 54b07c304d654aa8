"""Pictures that cost a decoder much for their few bytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def flat(width: int, height: int, depth: int, colour_type: int, channels: int, extra: bytes = b"") -> bytes:
    """Return a PNG of one colour, packed row by row."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * channels * depth // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    sizes = width.to_bytes(4) + height.to_bytes(4) + bytes([depth, colour_type, 0, 0, 0])
    return SIGNATURE + chunk(b"IHDR", sizes) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND")


def photograph(width: int, height: int, *, progressive: bool) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    picture = Image.fromarray(noise).resize((width, height))
    picture.save(content, format="JPEG", progressive=progressive, subsampling=0)
    return content.getvalue()


def text_chunks() -> bytes:
    packed = zlib.compress(("\U0001f600" + "a" * 1_040_000).encode(), 9)
    return b"".join(chunk(b"iTXt", b"k%d\0\1\0\0\0" % number + packed) for number in range(64))


KINDS: dict[str, Callable[[], bytes]] = {
    "64 compressed text chunks": lambda: flat(280, 280, 8, 0, 1, text_chunks()),
    "PNG, RGBA of 8 bits, 64 MB": lambda: flat(4000, 4000, 8, 6, 4),
    "PNG, RGBA of 16 bits, 64 MB": lambda: flat(4000, 2000, 16, 6, 4),
    "progressive JPEG, 3 megapixels": lambda: photograph(2000, 1496, progressive=True),
    "progressive JPEG, 12 megapixels": lambda: photograph(4000, 3000, progressive=True),
    "baseline JPEG, 24 megapixels": lambda: photograph(6000, 4000, progressive=False),
}
