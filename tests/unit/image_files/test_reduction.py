"""A picture reduced in strips is the picture reduced at once, whatever its mode, and a small one is left as it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from image_files import reduction
from image_files.reduction import reduced

COLOURS = Image.merge("RGB", [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.new("L", (256, 256), 90)])


@pytest.fixture(autouse=True)
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduction, "_STRIP_ROWS", 40)


def transparent(mode: str) -> Image.Image:
    picture = COLOURS.convert(mode)
    picture.putalpha(Image.linear_gradient("L").rotate(90))
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        COLOURS,
        COLOURS.convert("L"),
        COLOURS.convert("CMYK"),
        transparent("RGBA"),
        transparent("LA"),
        COLOURS.convert("F"),
    ],
    ids=lambda picture: picture.mode,
)
@pytest.mark.parametrize("factors", [(2, 2), (3, 3), (1, 5), (7, 1), (100, 90)])
def test_the_strips_fit_together(picture: Image.Image, factors: tuple[int, int]) -> None:
    made, expected = reduced(picture, *factors), picture.reduce(factors)
    assert (made.mode, made.size) == (expected.mode, expected.size)
    assert (np.asarray(made) == np.asarray(expected)).all()


@pytest.mark.parametrize("factors", [(0, 0), (0, 1), (1, 1)])
def test_what_is_small_enough_is_left_as_it_is(factors: tuple[int, int]) -> None:
    assert reduced(COLOURS, *factors) is COLOURS


def test_colour_numbers_become_colours_first() -> None:
    numbered = COLOURS.quantize(200)
    expected = np.asarray(numbered.convert("RGB").reduce(4))
    assert (np.asarray(reduced(numbered, 4, 4)) == expected).all()
    black_or_white = COLOURS.convert("1")
    assert (np.asarray(reduced(black_or_white, 4, 4)) == np.asarray(black_or_white.convert("RGB").reduce(4))).all()


@pytest.mark.parametrize("mode", ["P", "L"])
def test_a_transparent_colour_is_averaged_as_such(mode: str) -> None:
    picture = Image.new(mode, (90, 90), 5)
    picture.paste(7, (0, 0, 45, 90))
    picture.info["transparency"] = 7
    made = reduced(picture, 6, 6)
    assert made.mode == "RGBA"
    alpha = np.asarray(made)[:, :, 3]
    assert (alpha[:, :7] == 0).all()
    assert (alpha[:, 8:] == 255).all()
    assert 100 < alpha[0, 7] < 155


def test_sixteen_bits_are_averaged_whole() -> None:
    values = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    made = reduced(Image.fromarray(values), 4, 4)
    assert made.mode == "F"
    blocks = values.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.allclose(np.asarray(made), blocks, atol=0.02)
