"""Which uploads are acceptable, whatever they are called."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from contracts.errors import RejectedUpload, UploadTooLarge
from contracts.submissions.documents import InputInfo
from gateway.images.validation import Limits, examine, has_image_extension
from tests.support.factories import encoded, png

LIMITS = Limits(bytes=10 * 1024 * 1024, pixels=40_000_000)
START = b"\x89PNG\r\n\x1a\n"
NOISE = Image.frombytes("RGB", (64, 48), random.Random(7).randbytes(64 * 48 * 3))
WHOLE_PNG = encoded(NOISE.crop((0, 0, 12, 9)), "PNG")
JPEGS = {
    "baseline": encoded(NOISE, "JPEG"),
    "progressive": encoded(NOISE, "JPEG", progressive=True),
    "grey": encoded(NOISE.convert("L"), "JPEG"),
}


def look(data: bytes, **changes: Any) -> InputInfo:
    values: dict[str, Any] = {"file_name": "x.png", "limits": LIMITS}
    return examine(data, **values | changes)


def refusal(data: bytes, **changes: Any) -> str:
    with pytest.raises(RejectedUpload) as caught:
        look(data, **changes)
    return caught.value.message


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def flat_png(width: int, height: int) -> bytes:
    """A whole black-and-white PNG of any size, without ever holding its pixels."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return START + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_every_mode_is_accepted(mode: str) -> None:
    data = png(7, 5, mode)
    info = look(data)
    assert (info.media_type, info.width, info.height, info.bytes) == ("image/png", 7, 5, len(data))
    assert info.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_every_mode_is_accepted(mode: str, progressive: bool) -> None:
    info = look(encoded(NOISE.convert(mode), "JPEG", progressive=progressive))
    assert (info.media_type, info.width, info.height) == ("image/jpeg", 64, 48)


def test_the_size_is_the_stored_one_when_exif_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    info = look(encoded(NOISE, "JPEG", exif=exif))
    assert (info.width, info.height) == (64, 48)


def test_a_phones_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    data = encoded(NOISE, "MPO", save_all=True, append_images=[NOISE])
    assert look(data).media_type == "image/jpeg"
    assert look(data, formats=("jpeg",)).media_type == "image/jpeg"


@pytest.mark.parametrize("tail", [b"\0", b"ftypmp42" + b"\xff\xda" * 2000])
def test_what_follows_a_whole_picture_does_not_matter(tail: bytes) -> None:
    for data in (WHOLE_PNG, *JPEGS.values()):
        look(data + tail)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "BMP", "ICO", "PPM"])
def test_another_format_is_refused_whatever_its_name_says(form: str) -> None:
    assert "not a PNG or JPEG image" in refusal(encoded(NOISE, form))


@pytest.mark.parametrize(
    "data", [b"text", b"<svg/>", b"%PDF-1.7", b"\0" * 100, START, b"\xff\xd8", b"\xff\xd8\xff\xd9"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    assert refusal(data).endswith((".", "Send one."))


def test_an_empty_file_is_refused_as_empty() -> None:
    assert refusal(b"") == "The image is empty (0 bytes). Send a PNG or JPEG file."


def test_a_png_without_pixels_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    assert "damaged" in refusal(START + chunk(b"IHDR", header) + chunk(b"IEND"))


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (2**31, 1)])
def test_a_png_of_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    refusal(START + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND"))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2_000_000)),
        chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\0" * 2_000_000)),
        chunk(b"tEXt", b"a\0bc")[:-4] + b"\0\0\0\0",
    ],
    ids=["text", "profile", "checksum"],
)
def test_a_chunk_that_no_pixel_needs_is_never_unpacked(extra: bytes) -> None:
    look(WHOLE_PNG[:33] + extra + WHOLE_PNG[33:])
    look(WHOLE_PNG[:-12] + extra + WHOLE_PNG[-12:])


def test_what_is_no_png_is_told_apart_from_a_damaged_one() -> None:
    header = WHOLE_PNG[:33]
    cut = header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND")
    assert refusal(cut) == (
        "The PNG image is damaged or cut off (rows of its pixels are missing). Send the whole file."
    )
    assert "whatever its name says" not in refusal(START)
    assert refusal(b"\xff\xd8\xff\xd9").startswith("The JPEG image is damaged or cut off (its header is missing)")
    lossless = JPEGS["baseline"].replace(b"\xff\xc0", b"\xff\xc3")
    assert "lossless" in refusal(lossless)


@given(st.integers(min_value=0, max_value=len(WHOLE_PNG) - 1))
@example(len(WHOLE_PNG) - 1)
@example(len(WHOLE_PNG) - 4)
def test_a_truncated_png_is_never_accepted(length: int) -> None:
    refusal(WHOLE_PNG[:length])


@given(st.integers(min_value=8, max_value=len(WHOLE_PNG) - 1), st.integers(min_value=1, max_value=255))
def test_a_png_with_a_flipped_byte_is_never_accepted(place: int, change: int) -> None:
    damaged = bytearray(WHOLE_PNG)
    damaged[place] ^= change
    if place < len(WHOLE_PNG) - 4:  # the checksum of the empty last chunk guards nothing
        refusal(bytes(damaged))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_truncated_jpeg_is_never_accepted(kind: str) -> None:
    whole = JPEGS[kind]
    look(whole)
    for length in range(0, len(whole), 37):
        refusal(whole[:length])
    refusal(whole[:-1])


@given(st.sampled_from([WHOLE_PNG, *JPEGS.values()]), st.data())
def test_a_damaged_image_raises_nothing_but_a_refusal(whole: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(min_value=0, max_value=len(whole)))
    patch = data.draw(st.binary(max_size=20))
    answered = whole[:place] + patch + whole[place + len(patch) :]
    try:
        look(answered)
    except RejectedUpload as error:
        assert error.message.endswith(".")  # noqa: PT017  # a JPEG may survive a changed byte


@given(st.sampled_from([b"", START, b"\xff\xd8\xff", WHOLE_PNG[:33]]), st.binary(max_size=100))
def test_garbage_raises_nothing_but_a_refusal(head: bytes, tail: bytes) -> None:
    refusal(head + tail)


def test_an_animated_png_is_refused_and_one_frame_is_a_picture() -> None:
    frames = [Image.new("L", (4, 4), colour) for colour in (0, 255)]
    assert refusal(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])).startswith(
        "The image is animated."
    )
    look(encoded(frames[0], "PNG", save_all=True))


def test_a_bomb_is_refused_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    bomb = flat_png(20_000, 20_000)
    assert len(bomb) < 100_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert refusal(bomb) == (
        "The image has 20000 x 20000 pixels; 40 million are accepted, and 65535 on a side. Send a smaller one."
    )


def test_a_jpeg_that_lies_about_its_size_is_refused() -> None:
    whole = JPEGS["baseline"]
    place = whole.index(b"\xff\xc0") + 5
    for false_size in (b"\xff\xff\xff\xff", b"\0\0\0\x01"):
        refusal(whole[:place] + false_size + whole[place + 4 :])


@pytest.mark.parametrize(
    ("width", "height", "accepted"), [(20, 5, True), (101, 1, False), (10, 10, True), (13, 8, False)]
)
def test_the_limit_is_the_product_of_the_sides(width: int, height: int, accepted: bool) -> None:
    limits = Limits(bytes=10_000, pixels=100)
    for data in (png(width, height), encoded(Image.new("L", (width, height)), "JPEG")):
        if accepted:
            look(data, limits=limits)
        else:
            assert f"{width} x {height} pixels" in refusal(data, limits=limits)


def test_a_side_has_a_limit_of_its_own() -> None:
    look(flat_png(65_535, 1))
    assert "65535 on a side" in refusal(flat_png(65_536, 1))


def test_the_limit_in_bytes_is_reached_and_not_passed() -> None:
    look(WHOLE_PNG, limits=Limits(bytes=len(WHOLE_PNG), pixels=1000))
    with pytest.raises(UploadTooLarge, match="Send a smaller one"):
        look(WHOLE_PNG, limits=Limits(bytes=len(WHOLE_PNG) - 1, pixels=1000))


def test_a_workflow_may_read_one_format_only() -> None:
    look(WHOLE_PNG, formats=("png",))
    assert refusal(WHOLE_PNG, formats=("jpeg",)) == "This workflow reads JPEG, not PNG."
    assert refusal(JPEGS["baseline"], formats=("png",)) == "This workflow reads PNG, not JPEG."


EMPTY_SCANS = encoded(Image.new("L", (64, 64)), "JPEG", progressive=True)
SCAN = EMPTY_SCANS[EMPTY_SCANS.rindex(b"\xff\xda") : -2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (WHOLE_PNG[:33] + chunk(b"teSt") * 10_001 + WHOLE_PNG[33:], "more than 10000 chunks"),
        (EMPTY_SCANS[:-2] + SCAN * 200 + b"\xff\xd9", "more than 100 scans"),
        (EMPTY_SCANS[:2] + b"\xff\xfe\0\x02" * 10_001 + EMPTY_SCANS[2:], "more than 10000 segments"),
        (EMPTY_SCANS[:2] + b"\xff" * 5_000 + EMPTY_SCANS[2:], "more than 4096 bytes between its segments"),
    ],
    ids=["chunks", "scans", "segments", "filling"],
)
def test_a_file_that_keeps_its_reader_busy_is_refused_before_it_is_read(
    data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("PIL.Image.open")
    assert words in refusal(data)


def test_a_picture_in_many_parts_is_still_a_picture() -> None:
    look(WHOLE_PNG[:33] + chunk(b"teSt") * 1_000 + WHOLE_PNG[33:])
    look(EMPTY_SCANS[:2] + b"\xff\xfe\0\x04hi" * 1_000 + EMPTY_SCANS[2:])
    look(encoded(NOISE, "JPEG", restart_marker_blocks=1))
    look(encoded(NOISE, "JPEG", comment=b"\xff\xda" * 5_000))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png",
        "/abs.png",
        "a\0b.png",
        "a\r\nX: y.png",
        "<script>.png",
        "é\u202e.png",
        "$(id).png",
    ],
)
def test_a_hostile_name_is_stored_as_data(name: str) -> None:
    assert look(WHOLE_PNG, file_name=name).file_name == name


def test_a_long_name_is_cut() -> None:
    assert look(WHOLE_PNG, file_name="x" * 300 + ".png").file_name == "x" * 255


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "a.b.JpG", ".jpeg", "a.jpeg"])
def test_an_image_extension_is_known_in_any_case(name: str) -> None:
    assert has_image_extension(name)


@pytest.mark.parametrize("name", ["", "png", "a.png.exe", "a.gif", "a.png ", "a.jpe", "a.png\0"])
def test_another_extension_is_not(name: str) -> None:
    assert not has_image_extension(name)
