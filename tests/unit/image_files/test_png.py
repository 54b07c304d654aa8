"""PNG files as other programs write, mend and cut them."""

from __future__ import annotations

import io
import itertools
import random
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from image_files.decoding import check_whole, decode, read_image
from image_files.errors import DamagedImage
from image_files.png import PngFile, read_png
from tests.support.factories import encoded
from tests.support.png_files import chunk, header, png_file

WIDTH, HEIGHT = 20, 10
NOISE = Image.frombytes("L", (WIDTH, HEIGHT), random.Random(3).randbytes(WIDTH * HEIGHT))
ROWS = b"".join(b"\0" + NOISE.tobytes()[row * WIDTH : (row + 1) * WIDTH] for row in range(HEIGHT))
HEAD = header(WIDTH, HEIGHT)
PACKED = zlib.compress(ROWS)
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]


def pixels(data: bytes) -> Image.Image:
    file = read_image(data)
    check_whole(file)
    return decode(file)


def reason(data: bytes) -> str:
    with pytest.raises(DamagedImage) as caught:
        pixels(data)
    return str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_the_pixels_are_pillows_own(mode: str) -> None:
    source = NOISE.convert("RGB").convert(mode) if mode != "I;16" else Image.new(mode, (5, 4), 70)
    data = encoded(source, "PNG")
    found = pixels(data)
    with Image.open(io.BytesIO(data)) as expected:
        assert found.mode == expected.mode
        assert (np.asarray(found) == np.asarray(expected)).all()


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"x" * 2_000_000)),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)),
        chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\0" * 2_000_000)),
        chunk(b"tEXt", b"a\0" + b"b" * 1_500_000),
        chunk(b"zTXt", b"prompt\0\0no stream"),
        chunk(b"iTXt", b"no zero"),
        chunk(b"iCCP", b""),
        chunk(b"pHYs", b"1"),
        chunk(b"sRGB", b""),
        chunk(b"cHRM", b"x"),
        chunk(b"tRNS", b""),
        chunk(b"tRNS", b"x" * 900),
        chunk(b"acTL", b"x"),
        chunk(b"eXIf", b"x"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08" + b"\xff" * 40),
        chunk(b"fdAT", b"x"),
        chunk(b"tEXt", b"a\0bc")[:-4] + b"\0\0\0\0",
        chunk(b"tRNS", b"\0\0")[:-4] + b"\0\0\0\0",
    ],
)
def test_no_ancillary_chunk_stands_between_a_picture_and_its_reader(extra: bytes) -> None:
    for before, after in (((extra,), ()), ((), (extra,)), ((extra,) * 64, (extra,) * 64)):
        found = pixels(png_file(HEAD, PACKED, before, after))
        assert found.tobytes() == NOISE.tobytes()


def test_compressed_text_is_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 1_000_000))
    data = png_file(HEAD, PACKED, [text], [text])
    file = read_png(data)
    monkeypatch.setattr("zlib.decompressobj", lambda: pytest.fail("unpacked"))
    assert len(file.essential()) < len(PACKED) + 100
    decode(file)


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (PACKED[:-30], "rows of its pixels are missing"),
        (zlib.compress(ROWS[: len(ROWS) // 2]), "rows of its pixels are missing"),
        (zlib.compress(ROWS[:-1]), "rows of its pixels are missing"),
        (PACKED[:-2], "the end of its pixel data is missing"),
        (PACKED[:-4] + b"abcd", "cannot be unpacked"),
        (b"", "rows of its pixels are missing"),
        (b"nonsense", "cannot be unpacked"),
        (zlib.compress(b"\x05" + ROWS[1:]), "unknown filter"),
    ],
)
def test_pixel_data_that_is_cut_or_wrong_is_damage_whatever_its_checksum(packed: bytes, words: str) -> None:
    assert words in reason(png_file(HEAD, packed))


def test_more_rows_than_the_header_says_are_not_read() -> None:
    assert pixels(png_file(HEAD, zlib.compress(ROWS + bytes(5_000_000)))).tobytes() == NOISE.tobytes()


@given(st.lists(st.integers(1, len(PACKED) - 1), max_size=5))
def test_pixel_data_may_come_in_any_number_of_chunks(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(PACKED)]
    parts = [chunk(b"IDAT", PACKED[start:end]) for start, end in itertools.pairwise(ends)]
    data = b"".join([b"\x89PNG\r\n\x1a\n", HEAD, *parts, chunk(b"IEND")])
    assert pixels(data).tobytes() == NOISE.tobytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png_file(chunk(b"IHDR", b"x"), PACKED), "header is missing"),
        (png_file(b"", PACKED), "header is missing"),
        (png_file(header(0, 5), PACKED), "says 0 x 5 pixels"),
        (png_file(header(5, 5, depth=3), PACKED), "no kind of pixels"),
        (png_file(header(5, 5, depth=4, colour_type=2), PACKED), "no kind of pixels"),
        (png_file(header(5, 5, colour_type=3), PACKED), "palette is missing"),
        (png_file(HEAD, PACKED, [chunk(b"CgBI", b"xxxx")]), "CgBI chunk where none belongs"),
        (png_file(HEAD, PACKED, [HEAD]), "IHDR chunk where none belongs"),
        (png_file(HEAD[:-1] + b"x", PACKED), "checksum of its IHDR chunk is wrong"),
        (png_file(HEAD, PACKED, [chunk(b"IDAT", b"")], [chunk(b"tEXt"), chunk(b"IDAT")]), "not in one piece"),
        (png_file(HEAD, PACKED)[:-12], "end is missing"),
    ],
)
def test_a_critical_chunk_must_be_right(data: bytes, words: str) -> None:
    assert words in reason(data)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (1, 5), (9, 9), (33, 17)])
@pytest.mark.parametrize(("depth", "channels"), [(1, 1), (8, 1), (8, 3), (16, 4)])
def test_the_rows_of_an_interlaced_picture_are_counted(size: tuple[int, int], depth: int, channels: int) -> None:
    kind = {1: 0, 3: 2, 4: 6}[channels]
    bits = depth * channels
    rows = b""
    for x, y, right, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)):
        columns, lines = len(range(x, size[0], right)), len(range(y, size[1], down))
        rows += bytes(1 + (columns * bits + 7) // 8) * lines if columns else b""
    rows += bytes(1 + (size[0] * bits + 7) // 8) * len(range(1, size[1], 2))
    head = header(*size, depth, kind, interlace=1)
    assert pixels(png_file(head, zlib.compress(rows))).size == size
    assert "missing" in reason(png_file(head, zlib.compress(rows[:-1])))


def test_exif_says_how_a_png_lies_and_else_xmp_does() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    block = chunk(b"eXIf", exif.tobytes()[6:])
    xmp = chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>')
    for extra, orientation in (([block], 6), ([xmp, block], 6), ([xmp], 3), ([], 1)):
        file = read_image(png_file(HEAD, PACKED, extra))
        assert file.orientation == orientation
        assert decode(file).size == ((HEIGHT, WIDTH) if orientation == 6 else (WIDTH, HEIGHT))


@given(st.integers(8, 200), st.binary(max_size=12))
def test_hostile_bytes_raise_nothing_but_damage(place: int, patch: bytes) -> None:
    whole = png_file(HEAD, PACKED)
    try:
        file = read_image(whole[:place] + patch + whole[place + len(patch) :])
        assert isinstance(file, PngFile)
        if file.width * file.height < 1_000_000:
            check_whole(file)
            decode(file)
    except DamagedImage as error:
        assert str(error)  # noqa: PT017
