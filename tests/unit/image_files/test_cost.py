"""What a file costs its decoder is known from its headers; a large one is told from an ordinary one."""

from __future__ import annotations

import zlib

import pytest
from PIL import Image

from image_files.cost import decode_cost, is_large
from image_files.decoding import check_what_decoding_ignores, decode, read_image
from image_files.errors import DamagedImage
from image_files.jpeg import JpegFile
from tests.support.factories import encoded
from tests.support.png_files import header, png_file

PICTURE = Image.radial_gradient("L").resize((64, 32))


def jpeg(mode: str = "RGB", **options: object) -> JpegFile:
    file = read_image(encoded(PICTURE.convert(mode), "JPEG", **options))
    assert isinstance(file, JpegFile)
    return file


@pytest.mark.parametrize(
    ("depth", "colour_type", "channels", "cost"),
    [(1, 0, 1, 800), (8, 0, 1, 800), (16, 0, 1, 1600), (8, 2, 3, 2400), (8, 6, 4, 3200), (16, 6, 4, 6400)],
)
def test_a_png_costs_its_pixels(depth: int, colour_type: int, channels: int, cost: int) -> None:
    rows = zlib.compress(bytes((1 + 40 * depth * channels // 8) * 20))
    assert decode_cost(read_image(png_file(header(40, 20, depth, colour_type), rows))) == cost


def test_a_baseline_jpeg_costs_its_samples() -> None:
    pixels = 64 * 32
    assert decode_cost(jpeg("L")) == pixels
    assert decode_cost(jpeg("CMYK")) == 4 * pixels
    assert decode_cost(jpeg(subsampling=0)) == 3 * pixels
    assert decode_cost(jpeg(subsampling=1)) == 2 * pixels
    assert decode_cost(jpeg(subsampling=2)) == pixels * 3 // 2
    assert not jpeg().several_scans


def test_a_progressive_jpeg_costs_every_pass_over_its_samples_and_what_is_kept() -> None:
    pixels = 64 * 32
    # Pillow's ten scans: two of all channels, and each channel's frequencies: four of the brightness, two of each
    # colour. Source: jpeg_simple_progression of libjpeg.
    assert decode_cost(jpeg(progressive=True, subsampling=0)) == (2 * 3 + 4 + 2 * 2) * pixels + 2 * 3 * pixels
    assert jpeg("L", progressive=True).several_scans


def one_scan_a_channel(data: bytes) -> bytes:
    """Return the JPEG with its scan's header naming one channel, as where each channel has a scan of its own."""
    place = data.index(b"\xff\xda") + 2
    length = int.from_bytes(data[place : place + 2])
    return data[:place] + b"\0\x08\x01\x01\0\0\x3f\0" + data[place + length :]


def test_channels_in_scans_of_their_own_are_kept_as_those_of_a_progressive_jpeg_are() -> None:
    file = read_image(one_scan_a_channel(encoded(PICTURE.convert("RGB"), "JPEG", subsampling=0)))
    assert isinstance(file, JpegFile)
    assert file.several_scans
    assert not file.progressive
    assert decode_cost(file) == 64 * 32 + 2 * 3 * 64 * 32


def test_a_resolution_that_no_channel_can_have_is_damage() -> None:
    data = encoded(PICTURE.convert("RGB"), "JPEG")
    place = data.index(b"\xff\xc0") + 11
    for factors in (0x00, 0x10, 0x05, 0x51):
        with pytest.raises(DamagedImage, match="resolution"):
            read_image(data[:place] + bytes([factors]) + data[place + 1 :])


def test_large_is_what_takes_as_long_as_many_ordinary_ones() -> None:
    def flat(width: int, height: int, mode: str) -> bytes:
        return encoded(Image.new(mode, (width, height)), "PNG", compress_level=1)

    assert not is_large(flat(2000, 1000, "RGBA"))
    assert is_large(flat(2001, 1000, "RGBA"))
    assert not is_large(flat(2800, 2800, "L"))
    photograph = Image.new("RGB", (4000, 3000))
    assert not is_large(encoded(photograph, "JPEG", subsampling=2))
    assert is_large(encoded(photograph, "JPEG", subsampling=0))
    assert is_large(encoded(photograph, "JPEG", subsampling=2, progressive=True))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_not_large(data: bytes) -> None:
    assert not is_large(data)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_what_a_jpegs_check_skips_is_noticed_when_it_is_decoded(options: dict[str, object]) -> None:
    data = encoded(Image.effect_noise((320, 320), 90).convert("RGB"), "JPEG", **options)
    cut = read_image(data[: len(data) // 2])
    check_what_decoding_ignores(cut)
    with pytest.raises(DamagedImage):
        decode(cut, (64, 64))
