"""The mask over the picture: the right channel and the right edge, in the mask's size, for every kind of picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from contracts.errors import UnknownArtifact
from contracts.models.descriptions import Overlay
from gateway.images.overlay import SubmissionOverlay, blend, contour, draw
from services.flair.slices import to_rgb
from tests.support.factories import encoded, png
from tests.support.png_files import deep_png


def mask(inside: NDArray[np.bool_]) -> bytes:
    return encoded(Image.fromarray(inside.astype(np.uint8) * 255), "PNG")


def pixels(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image).copy()


NOTHING = mask(np.zeros((16, 16), bool))
GREEN = SubmissionOverlay("mask.png", Overlay(mask="mask"))


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_contour_is_what_touches_the_outside_by_a_side(inside: NDArray[np.bool_]) -> None:
    edge = contour(inside)
    height, width = inside.shape
    for y, x in np.ndindex(inside.shape):
        sides = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        outside = any(not (0 <= j < height and 0 <= i < width and inside[j, i]) for j, i in sides)
        assert edge[y, x] == (inside[y, x] and outside)


def test_outside_is_the_grey_of_the_channel_inside_is_tinted_the_edge_is_drawn() -> None:
    inside = np.zeros((16, 16), bool)
    inside[4:12, 4:12] = True
    shown = pixels(draw(png(16, 16, colour=(10, 100, 200)), mask(inside), GREEN))
    assert (shown[0, 0] == 100).all()
    assert (shown[4, 4] == (255, 221, 0)).all()
    red, green, blue = shown[8, 8].tolist()
    assert red > 100 > green == blue > 0


def test_without_a_mask_it_is_the_channel_alone() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    content = encoded(Image.fromarray(np.stack([values // 2, values, 255 - values], axis=2)), "PNG")
    assert (pixels(draw(content, NOTHING, GREEN)) == values[:, :, None]).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_the_channel_is_the_one_that_the_model_reads(mode: str) -> None:
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
    assert (pixels(draw(encoded(image, "PNG"), NOTHING, GREEN))[:, :, 0] == expected).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [16, 2048])
def test_sixteen_bits_are_scaled_as_the_model_scales_them(channels: int, size: int) -> None:
    step = size // 16
    values = np.kron(np.arange(256, dtype=np.uint16).reshape(16, 16) * 4, np.ones((step, step), np.uint16))
    samples = np.repeat(values[:, :, None], channels, axis=2)
    if channels in {2, 4}:
        samples[:, :, -1] = 65535
    shown = pixels(draw(deep_png(samples), NOTHING, GREEN))
    assert abs(shown[:, :, 0].astype(int) - np.arange(256).reshape(16, 16)).max() <= 2  # neighbours mix


@pytest.mark.parametrize("size", [(16, 16), (40, 30), (3000, 2000)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_any_size_is_brought_to_the_masks(size: tuple[int, int], form: str) -> None:
    left_half = Image.new("RGB", size, (0, 200, 0))
    left_half.paste((0, 20, 0), (size[0] // 2, 0, *size))
    shown = pixels(draw(encoded(left_half, form), NOTHING, GREEN))
    assert shown.shape == (16, 16, 3)
    assert abs(int(shown[8, 2, 0]) - 200) < 8
    assert abs(int(shown[8, 13, 0]) - 20) < 8


@pytest.mark.parametrize("size", [(32, 32), (3000, 2000)])
def test_a_picture_is_turned_as_its_exif_says(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (0, 0, 0))
    image.paste((0, 255, 0), (0, 0, size[0], size[1] // 2))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: bright to the right
    shown = pixels(draw(encoded(image, "JPEG", exif=exif), NOTHING, GREEN))
    assert shown[8, 14, 0] > 240
    assert shown[8, 1, 0] < 20


def test_an_image_that_cannot_be_decoded_is_refused_with_a_sentence() -> None:
    for picture, outline in [(b"", NOTHING), (png()[:40], NOTHING), (png(), b"nothing"), (png(), png()[:30])]:
        with pytest.raises(UnknownArtifact, match=r"mask\.png"):
            draw(picture, outline, GREEN)


def test_a_giant_in_the_masks_place_is_not_decoded() -> None:
    giant = encoded(Image.new("1", (4000, 4000)), "PNG")
    with pytest.raises(UnknownArtifact):
        draw(png(), giant, GREEN)


def test_blending_changes_nothing_that_it_was_given() -> None:
    grey = np.full((4, 4), 50, np.uint8)
    blend(grey, np.ones((4, 4), bool), GREEN.style)
    assert (grey == 50).all()


@pytest.mark.parametrize(("channel", "level"), [("red", 10), ("green", 100), ("blue", 200)])
def test_the_declared_channel_is_shown(channel: str, level: int) -> None:
    declared = SubmissionOverlay("mask.png", Overlay.model_validate({"mask": "mask", "channel": channel}))
    assert (pixels(draw(png(16, 16, colour=(10, 100, 200)), NOTHING, declared)) == level).all()


def test_the_declared_colours_are_drawn() -> None:
    style = Overlay(mask="mask", fill="#0000ff", fill_opacity=1.0, contour="#00ff00")
    inside = np.zeros((5, 5), bool)
    inside[1:4, 1:4] = True
    shown = blend(np.full((5, 5), 50, np.uint8), inside, style)
    assert [shown[place].tolist() for place in ((0, 0), (1, 1), (2, 2))] == [[50] * 3, [0, 255, 0], [0, 0, 255]]


def test_the_etag_is_of_the_picture_the_mask_and_what_is_declared() -> None:
    known = GREEN.etag("0" * 64, b"mask")
    # What clients have cached of the first release stays right.
    assert known == "0c76398968cbe621ea085cb453b34243a99b0a81463926138fda30ec155b2ade"
    said = Overlay(mask="mask", channel="green", fill="#ff4040", fill_opacity=0.35, contour="#ffdd00")
    assert SubmissionOverlay("other.mask.png", said).etag("0" * 64, b"mask") == known
    others = [
        GREEN.etag("1" * 64, b"mask"),
        GREEN.etag("0" * 64, b"another"),
        SubmissionOverlay("mask.png", Overlay(mask="mask", channel="red")).etag("0" * 64, b"mask"),
        SubmissionOverlay("mask.png", Overlay(mask="mask", contour="#000000")).etag("0" * 64, b"mask"),
    ]
    assert len({known, *others}) == 5
