"""The mask over the picture: the right channel, the right edge, in the mask's size, whatever the picture is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from contracts.errors import UnknownArtifact
from gateway.images.overlay import CONTOUR, blend, contour, draw
from services.flair.slices import to_rgb
from tests.support.factories import encoded, png
from tests.support.png_files import deep_png


def mask(inside):
    return encoded(Image.fromarray(inside.astype(np.uint8) * 255), "PNG")


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image).copy()


NOTHING = mask(np.zeros((16, 16), bool))


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_contour_is_what_touches_the_outside_by_a_side(inside):
    edge = contour(inside)
    height, width = inside.shape
    for y, x in np.ndindex(inside.shape):
        sides = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        outside = any(not (0 <= j < height and 0 <= i < width and inside[j, i]) for j, i in sides)
        assert edge[y, x] == (inside[y, x] and outside)


def test_outside_is_the_grey_of_flair_inside_is_tinted_the_edge_is_drawn():
    inside = np.zeros((16, 16), bool)
    inside[4:12, 4:12] = True
    shown = pixels(draw(png(16, 16, colour=(10, 100, 200)), mask(inside)))
    assert (shown[0, 0] == 100).all()
    assert (shown[4, 4] == CONTOUR).all()
    red, green, blue = shown[8, 8].tolist()
    assert red > 100 > green == blue > 0


def test_without_a_mask_it_is_the_flair_picture():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    content = encoded(Image.fromarray(np.stack([values // 2, values, 255 - values], axis=2)), "PNG")
    assert (pixels(draw(content, NOTHING)) == values[:, :, None]).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_the_channel_is_the_one_that_the_model_reads(mode):
    grey = Image.fromarray(np.arange(0, 256, dtype=np.uint8).reshape(16, 16))
    if mode == "I;16":
        image = Image.fromarray((np.asarray(grey).astype(np.uint16)) * 200)
    elif mode in {"RGBA", "LA"}:
        image = grey.convert(mode)
        image.putalpha(Image.fromarray(np.full((16, 16), 128, np.uint8)))
    else:
        image = grey.convert(mode)
    with Image.open(io.BytesIO(encoded(image, "PNG"))) as read:
        expected = np.asarray(to_rgb(read))[:, :, 1]
    assert (pixels(draw(encoded(image, "PNG"), NOTHING))[:, :, 0] == expected).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [16, 2048])
def test_sixteen_bits_are_scaled_as_the_model_scales_them(channels, size):
    step = size // 16
    values = np.kron(np.arange(256, dtype=np.uint16).reshape(16, 16) * 4, np.ones((step, step), np.uint16))
    samples = np.repeat(values[:, :, None], channels, axis=2)
    if channels in {2, 4}:
        samples[:, :, -1] = 65535
    shown = pixels(draw(deep_png(samples), NOTHING))
    assert abs(shown[:, :, 0].astype(int) - np.arange(256).reshape(16, 16)).max() <= 2  # neighbours mix


@pytest.mark.parametrize("size", [(16, 16), (40, 30), (3000, 2000)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_any_size_is_brought_to_the_masks(size, form):
    left_half = Image.new("RGB", size, (0, 200, 0))
    left_half.paste((0, 20, 0), (size[0] // 2, 0, *size))
    shown = pixels(draw(encoded(left_half, form), NOTHING))
    assert shown.shape == (16, 16, 3)
    assert abs(int(shown[8, 2, 0]) - 200) < 8
    assert abs(int(shown[8, 13, 0]) - 20) < 8


@pytest.mark.parametrize("size", [(32, 32), (3000, 2000)])
def test_a_picture_lies_as_its_exif_says(size):
    image = Image.new("RGB", size, (0, 0, 0))
    image.paste((0, 255, 0), (0, 0, size[0], size[1] // 2))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: bright to the right
    shown = pixels(draw(encoded(image, "JPEG", exif=exif), NOTHING))
    assert shown[8, 14, 0] > 240
    assert shown[8, 1, 0] < 20


def test_what_cannot_be_decoded_is_told_in_a_sentence():
    for picture, outline in [(b"", NOTHING), (png()[:40], NOTHING), (png(), b"nothing"), (png(), png()[:30])]:
        with pytest.raises(UnknownArtifact, match=r"mask\.png"):
            draw(picture, outline)


def test_a_giant_in_the_masks_place_is_not_decoded():
    giant = encoded(Image.new("1", (4000, 4000)), "PNG")
    with pytest.raises(UnknownArtifact):
        draw(png(), giant)


def test_blending_changes_nothing_that_it_was_given():
    grey = np.full((4, 4), 50, np.uint8)
    blend(grey, np.ones((4, 4), bool))
    assert (grey == 50).all()
