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
_MAX_FACTOR = 4


class _Segment(NamedTuple):
    """Where a segment lies in the file: its marker, its content behind the length, and its end."""

    kind: int
    start: int
    content: int
    end: int


class _Frame(NamedTuple):
    """What the frame's header says. ``samples``: each channel's name and how many samples it has."""

    width: int
    height: int
    progressive: bool
    samples: tuple[tuple[int, int], ...]

    @property
    def all_samples(self) -> int:
        return sum(count for _, count in self.samples)


@dataclass(frozen=True)
class JpegFile:
    """A JPEG's frame header and the segments that its pixels need; nothing is decoded yet."""

    width: int
    height: int
    channels: int
    progressive: bool
    orientation: int
    samples: int
    """Of all channels, each at its own resolution."""
    scanned_samples: int
    """Those that the scans pass over, each as often as a scan does."""
    several_scans: bool
    """Whether a decoder must keep the whole picture's coefficients, 2 bytes a sample, until the last scan is read."""
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
    frame: _Frame | None = None
    exif = xmp = UPRIGHT
    segments: list[memoryview] = []
    header, scans, end = _walk(data)
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
    if not scans:
        raise DamagedImage("it holds no pixel data")
    passes = [_scanned(view[scan.content : scan.end], frame) for scan in scans]
    return JpegFile(
        width=frame.width,
        height=frame.height,
        channels=len(frame.samples),
        progressive=frame.progressive,
        orientation=exif if exif != UPRIGHT else xmp,
        samples=frame.all_samples,
        scanned_samples=sum(passes),
        several_scans=frame.progressive or passes[0] < frame.all_samples,
        segments=tuple(segments),
        scans=view[scans[0].start : end],
    )


def _walk(data: bytes) -> tuple[list[_Segment], list[_Segment], int]:
    """Return the segments before the first scan, the headers of the scans, and where the picture ends."""
    header: list[_Segment] = []
    scans: list[_Segment] = []
    position = len(SIGNATURE)
    filling = 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if not scans:
            filling += (marker.start() if marker else len(data)) - position
            if filling > MAX_FILLING:
                raise OverloadedImage(f"{MAX_FILLING} bytes between its segments")
        if marker is None or marker[0] == END:
            return header, scans, marker.end() if marker else len(data)
        kind = marker[0][1]
        position = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
        segment = _Segment(kind, marker.start(), marker.end() + 2, position)
        if kind == _START_OF_SCAN:
            scans.append(segment)
            if len(scans) > MAX_SCANS:
                raise OverloadedImage(f"{MAX_SCANS} scans")
        elif not scans:
            header.append(segment)
    raise OverloadedImage(f"{MAX_SEGMENTS} segments")


def _read_frame(content: memoryview, *, progressive: bool) -> _Frame:
    if len(content) < 6:
        raise DamagedImage("its header is cut off")
    height, width, channels = int.from_bytes(content[1:3]), int.from_bytes(content[3:5]), content[5]
    if not width or not height:
        raise DamagedImage(f"its header says {width} x {height} pixels")
    if content[0] != JpegFile.depth:
        raise UnsupportedImage(f"a JPEG of {content[0]} bits a sample")
    if channels not in _COMPONENTS:
        raise UnsupportedImage(f"a JPEG of {channels} channels")
    if len(content) < 6 + 3 * channels:
        raise DamagedImage("its header is cut off")
    factors = [(content[place + 1] >> 4, content[place + 1] & 15) for place in range(6, 6 + 3 * channels, 3)]
    if not all(0 < across <= _MAX_FACTOR and 0 < down <= _MAX_FACTOR for across, down in factors):
        raise DamagedImage("its header names no resolution that a channel can have")
    widest, highest = max(across for across, _ in factors), max(down for _, down in factors)
    samples = [-(-width * across // widest) * -(-height * down // highest) for across, down in factors]
    names = [content[place] for place in range(6, 6 + 3 * channels, 3)]
    return _Frame(width, height, progressive, tuple(zip(names, samples, strict=True)))


def _scanned(content: memoryview, frame: _Frame) -> int:
    """Return the samples of the channels that a scan's header names; those of all where it names none."""
    count = content[0] if len(content) else 0
    named = set(content[1 : 1 + 2 * count : 2])
    return sum(samples for name, samples in frame.samples if name in named) or frame.all_samples
