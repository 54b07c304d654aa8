"""16 bits a sample: colour and grey with alpha come out as grey of the same values does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from image_files.decoding import decode, deep_grey_to_eight_bits, full_range, read_image
from services.flair.slices import to_rgb
from tests.support.png_files import chunk, deep_png

RAMP = np.arange(300, dtype=np.uint16).reshape(15, 20, 1) % 256
OPAQUE = np.full_like(RAMP, 65535)


def eight_bits(samples: NDArray[np.uint16], *before: bytes) -> NDArray[np.uint8]:
    return np.asarray(decode(read_image(deep_png(samples, before))))


@pytest.mark.parametrize("factor", [1, 3, 4, 16, 64, 257])
def test_colour_and_alpha_are_scaled_as_grey_is(factor: int) -> None:
    grey = RAMP * np.uint16(factor)
    expected = np.asarray(to_rgb(decode(read_image(deep_png(grey)))))
    colour = np.repeat(grey, 3, axis=2)
    for samples in (colour, np.concatenate([grey, OPAQUE], 2), np.concatenate([colour, OPAQUE], 2)):
        assert (np.asarray(to_rgb(decode(read_image(deep_png(samples))))) == expected).all()


def test_channels_are_scaled_together_and_both_bytes_count() -> None:
    samples = np.zeros((130, 2, 3), np.uint16)  # more rows than are scaled at a time
    samples[-1, 1] = (1000, 500, 250)
    assert eight_bits(samples)[-1, 1].tolist() == [255, 128, 64]


def test_alpha_of_ten_bits_is_opaque_and_hidden_colours_do_not_count() -> None:
    samples = np.full((4, 4, 2), 1023, np.uint16)
    samples[0, 0] = (65535, 0)
    found = eight_bits(samples)
    assert found[1, 1].tolist() == [255, 255]
    assert found[0, 0, 1] == 0


def test_the_transparent_colour_is_told_by_all_of_its_bits() -> None:
    samples = np.full((2, 2, 3), 0x0102, np.uint16)
    samples[0, 0] = 0x0103
    found = eight_bits(samples, chunk(b"tRNS", b"\x01\x03" * 3))
    assert found[:, :, 3].tolist() == [[0, 255], [255, 255]]


def test_grey_is_scaled_by_its_greatest_value() -> None:
    found = np.asarray(deep_grey_to_eight_bits(decode(read_image(deep_png(RAMP * np.uint16(4))))))
    assert (found == RAMP[:, :, 0]).all()


@pytest.mark.parametrize(
    ("peak", "range_"), [(0, 255), (255, 255), (256, 511), (1020, 1023), (4080, 4095), (40000, 65535), (65535, 65535)]
)
def test_the_range_is_that_of_the_fewest_bits(peak: int, range_: int) -> None:
    assert full_range(peak) == range_
