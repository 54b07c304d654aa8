"""JPEG files: what is left out, what is told by the header, and which way up they lie."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from image_files import decoding
from image_files.decoding import check_whole, decode, read_image
from image_files.errors import DamagedImage, NotAnImage, UnsupportedImage
from image_files.jpeg import JpegFile, read_jpeg
from tests.support.factories import encoded

PICTURE = Image.radial_gradient("L").resize((40, 24))
PLAIN = encoded(PICTURE.convert("RGB"), "JPEG")


def segment(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2) + content


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_pixels_are_pillows_own(mode: str, progressive: bool) -> None:
    data = encoded(PICTURE.convert(mode), "JPEG", progressive=progressive)
    file = read_image(data)
    assert isinstance(file, JpegFile)
    check_whole(file)
    assert (file.progressive, file.channels) == (progressive, len(mode.replace("L", "1").rstrip("1")) or 1)
    with Image.open(io.BytesIO(data)) as expected:
        assert (np.asarray(decode(file)) == np.asarray(expected)).all()


@pytest.mark.parametrize("kind", [0xE1, 0xE2, 0xED, 0xEF, 0xFE])
def test_profiles_comments_and_thumbnails_are_left_out(kind: int) -> None:
    for content in (b"", b"ICC_PROFILE\0\1\1" + b"x" * 60_000, b"MPF\0nonsense", b"Exif\0\0nonsense", b"\xff\xda" * 50):
        file = read_jpeg(PLAIN[:2] + segment(kind, content) * 20 + PLAIN[2:])
        assert file.essential() == read_jpeg(PLAIN).essential()


def test_a_second_picture_behind_the_first_is_left_out() -> None:
    data = encoded(PICTURE.convert("RGB"), "MPO", save_all=True, append_images=[PICTURE.convert("RGB")])
    assert len(read_jpeg(data).essential()) < len(data) / 2
    assert read_jpeg(PLAIN + b"garbage").essential() == read_jpeg(PLAIN).essential()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_how_it_lies(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PICTURE.convert("RGB"), "JPEG", exif=exif)
    assert read_jpeg(data).orientation == orientation
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x><tiff:Orientation>%d</x>" % orientation)
    assert read_jpeg(PLAIN[:2] + xmp + PLAIN[2:]).orientation == orientation


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (segment(0xC3, b"\x08\0\x10\0\x10\x01"), UnsupportedImage, "lossless"),
        (segment(0xC9, b"\x08\0\x10\0\x10\x01"), UnsupportedImage, "arithmetic"),
        (segment(0xC1, b"\x0c\0\x10\0\x10\x01"), UnsupportedImage, "12 bits"),
        (segment(0xC0, b"\x08\0\x10\0\x10\x02"), UnsupportedImage, "2 channels"),
        (segment(0xC0, b"\x08\0\0\0\x10\x01"), DamagedImage, "16 x 0 pixels"),
        (segment(0xC0, b"\x08"), DamagedImage, "cut off"),
        (b"", DamagedImage, "header is missing"),
    ],
)
def test_a_frame_that_is_not_read_is_named(frame: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_jpeg(PLAIN[:2] + frame + segment(0xDA, b"x") + b"\xff\xd9")


def test_what_is_neither_is_no_image() -> None:
    with pytest.raises(NotAnImage):
        read_image(b"GIF89a")


@pytest.mark.parametrize(("progressive", "kept"), [(False, 0.99), (False, 0.6), (True, 0.99), (True, 0.6)])
@pytest.mark.parametrize("above", [False, True], ids=["within the bound", "above the bound"])
def test_one_that_is_cut_off_is_damaged_however_large(
    monkeypatch: pytest.MonkeyPatch, progressive: bool, kept: float, above: bool
) -> None:
    """A progressive one above the bound is not decoded: that its end is there must do."""
    monkeypatch.setattr(decoding, "MAX_TRIAL_PIXELS", PICTURE.width * PICTURE.height - above)
    whole = encoded(PICTURE.convert("RGB"), "JPEG", progressive=progressive)
    check_whole(read_image(whole))
    with pytest.raises(DamagedImage):
        check_whole(read_image(whole[: int(len(whole) * kept)]))


def test_a_large_progressive_one_is_not_decoded_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_TRIAL_PIXELS", PICTURE.width * PICTURE.height - 1)
    monkeypatch.setattr(decoding, "_load", lambda *_: pytest.fail("it was decoded"))
    check_whole(read_image(encoded(PICTURE.convert("RGB"), "JPEG", progressive=True)))
