"""JPEG: walks the segments, reads the frame's header, and leaves out every segment that the pixels do not need. Pure.

Application segments (profiles, thumbnails, a phone's second picture) and comments are never parsed, but for the one
that says which way up the picture lies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from image_files.errors import DamagedImage, OverloadedImage, UnsupportedImage
from image_files.orientation import UPRIGHT, exif_orientation, xmp_orientation

SIGNATURE = b"\xff\xd8"
END = b"\xff\xd9"

MAX_SEGMENTS = 10_000
"""Each costs its reader time whatever it holds."""

MAX_SCANS = 100
"""Scans of a progressive JPEG, usually ten. Each passes over all pixels: ten megabytes of empty ones take minutes."""

MAX_FILLING = 4096
"""Bytes between a JPEG's segments that belong to none; Pillow steps over them one by one."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed 0xff nor one of the restarts inside a scan
_START_OF_SCAN = 0xDA
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JFIF, _EXIF, _ADOBE, _COMMENT = 0xE0, 0xE1, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_EXIF_START = b"Exif\0\0"
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_COMPONENTS = {1, 3, 4}


class _Segment(NamedTuple):
    """Where a segment lies in the file: its marker, its content behind the length, and its end."""

    kind: int
    start: int
    content: int
    end: int


@dataclass(frozen=True)
class JpegFile:
    """A JPEG's frame header and the segments that its pixels need; nothing is decoded yet."""

    width: int
    height: int
    channels: int
    progressive: bool
    orientation: int
    segments: tuple[memoryview, ...] = field(repr=False)
    scans: memoryview = field(repr=False)

    format = "JPEG"
    depth = 8

    def essential(self) -> bytes:
        """Return a JPEG with the same pixels and no metadata."""
        return b"".join([SIGNATURE, *self.segments, self.scans])


def read_jpeg(data: bytes) -> JpegFile:
    """Walk a file that begins with SIGNATURE up to the end of its first picture.

    Raises DamagedImage, UnsupportedImage and OverloadedImage.
    """
    view = memoryview(data)
    frame: tuple[int, int, int, bool] | None = None
    exif = xmp = UPRIGHT
    segments: list[memoryview] = []
    first_scan, end, header = _walk(data)
    for segment in header:
        kind, content = segment.kind, view[segment.content : segment.end]
        if kind in _OTHER_FRAMES:
            raise UnsupportedImage("a lossless, hierarchical or arithmetic-coded JPEG")
        if kind in {_BASELINE, _EXTENDED, _PROGRESSIVE}:
            frame = _read_frame(content, progressive=kind == _PROGRESSIVE)
        elif kind == _EXIF and exif == UPRIGHT and content[: len(_EXIF_START)] == _EXIF_START:
            exif = exif_orientation(bytes(content[len(_EXIF_START) :]))
        elif kind == _EXIF and content[: len(_XMP_START)] == _XMP_START:
            xmp = xmp_orientation(bytes(content))
        if kind in {_JFIF, _ADOBE} or (kind not in _APPLICATION and kind != _COMMENT):
            segments.append(view[segment.start : segment.end])
    if frame is None:
        raise DamagedImage("its header is missing")
    if not first_scan:
        raise DamagedImage("it holds no pixel data")
    return JpegFile(*frame, exif if exif != UPRIGHT else xmp, tuple(segments), view[first_scan:end])


def _walk(data: bytes) -> tuple[int, int, list[_Segment]]:
    """Return where the first scan starts (0: nowhere), where the picture ends, and the segments before the scan."""
    header: list[_Segment] = []
    position = len(SIGNATURE)
    first_scan = scans = filling = 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if not scans:
            filling += (marker.start() if marker else len(data)) - position
            if filling > MAX_FILLING:
                raise OverloadedImage(f"{MAX_FILLING} bytes between its segments")
        if marker is None or marker[0] == END:
            return first_scan, marker.end() if marker else len(data), header
        kind = marker[0][1]
        position = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
        if kind == _START_OF_SCAN:
            first_scan = first_scan or marker.start()
            scans += 1
            if scans > MAX_SCANS:
                raise OverloadedImage(f"{MAX_SCANS} scans")
        if not scans:
            header.append(_Segment(kind, marker.start(), marker.end() + 2, position))
    raise OverloadedImage(f"{MAX_SEGMENTS} segments")


def _read_frame(content: memoryview, *, progressive: bool) -> tuple[int, int, int, bool]:
    if len(content) < 6:
        raise DamagedImage("its header is cut off")
    height, width, channels = int.from_bytes(content[1:3]), int.from_bytes(content[3:5]), content[5]
    if not width or not height:
        raise DamagedImage(f"its header says {width} x {height} pixels")
    if content[0] != JpegFile.depth:
        raise UnsupportedImage(f"a JPEG of {content[0]} bits a sample")
    if channels not in _COMPONENTS:
        raise UnsupportedImage(f"a JPEG of {channels} channels")
    return width, height, channels, progressive
