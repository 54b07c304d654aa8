"""PNG: walks the chunks, checks the pixel data, and leaves out every chunk that the pixels do not need. Pure.

The rules are those of the PNG specification (W3C, third edition): a critical chunk must be right; an ancillary chunk
that is wrong is passed over, as libpng and browsers do. Compressed text and colour profiles are never unpacked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from image_files.errors import DamagedImage, OverloadedImage
from image_files.orientation import UPRIGHT, exif_orientation, xmp_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types."""

CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}

MAX_CHUNKS = 10_000
"""Each costs its reader time whatever it holds: ten megabytes of empty ones take Pillow ten seconds. A file of 10 MiB
in libpng's chunks has some 1,300."""

_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
_MAX_SIDE = 2**31 - 1
_MAX_FILTER = 4
_PIECE_BYTES = 256 * 1024
_INPUT_BYTES = 32 * 1024
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, and the steps to the next ones, of each pass of an interlaced picture."""

_XMP = b"XML:com.adobe.xmp\0\0"  # keyword, and the flag that says uncompressed
_PALETTE_BYTES = 3 * 256
_ANIMATION_BYTES = 8
_GOOD_FILTERS = bytes(range(_MAX_FILTER + 1))


@dataclass(frozen=True)
class Chunk:
    kind: bytes
    content: memoryview


@dataclass(frozen=True)
class PngFile:
    """A PNG's header and the chunks that its pixels need; nothing is unpacked yet. ``depth`` is in bits a sample."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool
    animated: bool
    orientation: int
    palette: bytes = field(repr=False)
    transparency: bytes = field(repr=False)
    pixel_data: tuple[memoryview, ...] = field(repr=False)

    format = "PNG"

    @property
    def channels(self) -> int:
        return CHANNELS[self.colour_type]

    def essential(self, depth: int | None = None, colour_type: int | None = None) -> bytes:
        """Return a PNG with the same pixels and no metadata. The arguments replace what the header says."""
        kind = self.colour_type if colour_type is None else colour_type
        header = struct.pack(">IIBBBBB", self.width, self.height, depth or self.depth, kind, 0, 0, int(self.interlaced))
        parts = [SIGNATURE, *_chunk(b"IHDR", header)]
        if self.palette:
            parts += _chunk(b"PLTE", self.palette)
        if self.transparency and kind == self.colour_type:
            parts += _chunk(b"tRNS", self.transparency)
        for piece in self.pixel_data:
            parts += _chunk(b"IDAT", piece)
        return b"".join([*parts, *_chunk(b"IEND", b"")])

    def check_pixels(self) -> None:
        """Unpack the pixel data piece by piece and keep none. Raises DamagedImage when a row is missing or wrong."""
        rows = _RowCheck(self._passes())
        try:
            whole = rows.take_stream(self.pixel_data)
        except zlib.error as error:
            raise DamagedImage("its pixel data cannot be unpacked") from error
        if not rows.complete:
            raise DamagedImage("rows of its pixels are missing")
        if not whole:
            raise DamagedImage("the end of its pixel data is missing")

    def _passes(self) -> list[tuple[int, int]]:
        """Return (bytes of a row with its filter, rows) of each pass over the picture."""
        bits = self.depth * self.channels
        if not self.interlaced:
            return [(1 + (self.width * bits + 7) // 8, self.height)]
        passes = []
        for column, row, column_step, row_step in _ADAM7:
            width = (self.width - column + column_step - 1) // column_step
            height = (self.height - row + row_step - 1) // row_step
            if width > 0 and height > 0:
                passes.append((1 + (width * bits + 7) // 8, height))
        return passes


class _RowCheck:
    """Counts rows as their bytes come, and looks at the filter that each begins with."""

    def __init__(self, passes: list[tuple[int, int]]) -> None:
        self._passes = passes
        self._place = 0  # in the pass, in bytes

    @property
    def complete(self) -> bool:
        return not self._passes

    def take_stream(self, pieces: Iterable[memoryview]) -> bool:
        """Unpack until the rows are complete and the stream ends; return whether it ended. More rows are not read."""
        unpacker = zlib.decompressobj()
        for piece in chain(_small(pieces), [b""]):  # the last: what the unpacker still holds
            rest = piece
            while not unpacker.eof:
                held = unpacker.decompress(rest, _PIECE_BYTES)
                if held and self.complete:
                    return True
                self.take(held)
                rest = unpacker.unconsumed_tail
                if not rest and not (held and not piece):
                    break
        return unpacker.eof

    def take(self, held: bytes) -> None:
        start = 0
        while start < len(held) and self._passes:
            row, count = self._passes[0]
            end = min(len(held), start + row * count - self._place)
            filters = held[start + (-self._place) % row : end : row]
            if filters.translate(None, _GOOD_FILTERS):
                raise DamagedImage("a row of its pixels has an unknown filter")
            self._place += end - start
            start = end
            if self._place == row * count:
                self._passes = self._passes[1:]
                self._place = 0


def _small(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """Cut the pieces: what the unpacker has not consumed is copied at each step."""
    for piece in pieces:
        for start in range(0, len(piece), _INPUT_BYTES):
            yield bytes(piece[start : start + _INPUT_BYTES])


def read_png(data: bytes) -> PngFile:
    """Walk the chunks of a file that begins with SIGNATURE. Raises DamagedImage and OverloadedImage.

    An ancillary chunk with a wrong checksum counts as absent. What follows the end is not read.
    """
    chunks = _chunks(data)
    width, height, depth, colour_type, _, _, interlace = _read_header(chunks[0])
    places = [place for place, chunk in enumerate(chunks) if chunk.kind == b"IDAT"]
    if not places:
        raise DamagedImage("it holds no pixel data")
    if places[-1] - places[0] >= len(places):
        raise DamagedImage("its pixel data is not in one piece")
    before = {chunk.kind: chunk.content for chunk in reversed(chunks[1 : places[0]])}  # of several, the first
    palette = bytes(before.get(b"PLTE", b"")) if colour_type == PALETTE else b""
    if colour_type == PALETTE and (not palette or len(palette) % 3 or len(palette) > _PALETTE_BYTES):
        raise DamagedImage("its palette is missing or wrong")
    animation = before.get(b"acTL", b"")
    return PngFile(
        width=width,
        height=height,
        depth=depth,
        colour_type=colour_type,
        interlaced=interlace == 1,
        animated=len(animation) == _ANIMATION_BYTES and int.from_bytes(animation[:4]) > 1,
        orientation=_orientation(chunks),
        palette=palette,
        transparency=_transparency(bytes(before.get(b"tRNS", b"")[:_PALETTE_BYTES]), colour_type, len(palette) // 3),
        pixel_data=tuple(chunks[place].content for place in places),
    )


def _transparency(content: bytes, colour_type: int, colours: int) -> bytes:
    """Return what tRNS says, or nothing where its length does not fit the colour type."""
    if colour_type == PALETTE:
        return content if len(content) <= colours else b""
    return content if len(content) == {GREY: 2, RGB: 6}.get(colour_type) else b""


def _orientation(chunks: list[Chunk]) -> int:
    """Return what Exif says, or where it says nothing, XMP that is not compressed."""
    for chunk in chunks:
        if chunk.kind == b"eXIf" and (found := exif_orientation(bytes(chunk.content))) != UPRIGHT:
            return found
    for chunk in chunks:
        if chunk.kind == b"iTXt" and chunk.content[: len(_XMP)] == _XMP:
            return xmp_orientation(bytes(chunk.content))
    return UPRIGHT


def _chunks(data: bytes) -> list[Chunk]:
    """Return the chunks up to the end that count. Raises DamagedImage and OverloadedImage."""
    found: list[Chunk] = []
    view = memoryview(data)
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        kind = data[position + 4 : position + 8]
        start = position + 8
        position += 12 + int.from_bytes(data[position : position + 4])
        if position > len(data):
            raise DamagedImage("its end is missing")
        right = zlib.crc32(view[start - 4 : position - 4]) == int.from_bytes(data[position - 4 : position])
        if not kind[0] & 0x20:  # critical
            if not right:
                raise DamagedImage(f"the checksum of its {_name(kind)} chunk is wrong")
            if kind not in {b"IHDR", b"PLTE", b"IDAT", b"IEND"} or (kind == b"IHDR" and found):
                raise DamagedImage(f"it holds a {_name(kind)} chunk where none belongs")
        if kind == b"IEND":
            return found or [Chunk(kind, view[:0])]
        if right or not found:
            found.append(Chunk(kind, view[start : position - 4]))
    raise OverloadedImage(f"{MAX_CHUNKS} chunks")


def _read_header(chunk: Chunk) -> tuple[int, ...]:
    if chunk.kind != b"IHDR" or len(chunk.content) != 13:
        raise DamagedImage("its header is missing")
    header: tuple[int, ...] = struct.unpack(">IIBBBBB", chunk.content)
    width, height, depth, colour_type, compression, filtering, interlace = header
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise DamagedImage(f"its header says {width} x {height} pixels")
    if depth not in _DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise DamagedImage("its header names no kind of pixels that PNG has")
    return header


def _chunk(kind: bytes, content: bytes | memoryview) -> list[bytes | memoryview]:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return [len(content).to_bytes(4), kind, content, checksum.to_bytes(4)]


def _name(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isalpha() else repr(kind)[2:-1]
