"""Which way up a picture lies: the one tag of its metadata that is read. Pure, and bounded by the bytes given."""

from __future__ import annotations

import re
import struct

from PIL import Image

UPRIGHT = 1
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its orientation. Source: Exif 2.32, tag 0x0112."""

_TAG = 0x0112
_MAX_ENTRIES = 512
_ENTRY_BYTES = 12
_VALUE_FORMATS = {3: "H", 4: "I"}  # SHORT and LONG
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation (1 to 8) of an Exif block, which begins with its TIFF header; 1 where it says none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    try:
        if order is None:
            return UPRIGHT
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, _MAX_ENTRIES)):
            place = start + 2 + index * _ENTRY_BYTES
            tag, kind = struct.unpack_from(f"{order}HH", tiff, place)
            if tag == _TAG and kind in _VALUE_FORMATS:
                (value,) = struct.unpack_from(f"{order}{_VALUE_FORMATS[kind]}", tiff, place + 8)
                return value if value in TRANSPOSITIONS else UPRIGHT
    except struct.error:  # damaged metadata does not make the pixels unreadable
        pass
    return UPRIGHT


def xmp_orientation(packet: bytes) -> int:
    """Return the orientation (1 to 8) of an XMP packet; 1 where it says none."""
    found = _XMP.search(packet)
    return int(found[1]) if found else UPRIGHT


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture turned upright: the same object where it lies so already."""
    method = TRANSPOSITIONS.get(orientation)
    return image if method is None else image.transpose(method)
