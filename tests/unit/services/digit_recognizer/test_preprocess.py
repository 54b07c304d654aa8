"""Preprocessing: any picture in, MNIST's form out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from services.digit_recognizer import strokes
from services.digit_recognizer.glyphs import DIGITS
from services.digit_recognizer.ink import erase_rules
from services.digit_recognizer.pieces import connected_pieces
from services.digit_recognizer.preprocess import preprocess
from services.digit_recognizer.synthetic import digit_picture, photograph, screenshot

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L"), dtype=np.uint16) * 257)
    if mode == "PA":
        return picture.convert("P").convert("PA")
    if mode in ("I", "F"):
        return picture.convert("L").convert(mode)
    return picture.convert(mode)


def check(values: np.ndarray) -> None:
    assert values.shape == (1, 28, 28)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1


def drawn(colour: str = "black", paper: str = "white", size: tuple[int, int] = (200, 150)) -> Image.Image:
    picture = Image.new("RGB", size, paper)
    ImageDraw.Draw(picture).line([(60, 30), (120, 30), (85, 125)], fill=colour, width=9, joint="curve")
    return picture


@pytest.mark.parametrize("mode", MODES)
def test_a_digit_reads_the_same_in_every_mode(mode: str) -> None:
    found = preprocess(in_mode(drawn(), mode))
    check(found)
    assert abs(found - preprocess(drawn())).mean() < 0.03


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 90), (90, 1), (4, 4), (5, 5), (28, 28), (3, 4000), (8000, 1000), (6, 9000)]
)
def test_hostile_sizes_give_finite_values(mode: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(preprocess(in_mode(Image.fromarray(noise), mode)))


@pytest.mark.parametrize("colour", ["white", "black", "gray", "navy"])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (300, 200)])
def test_a_constant_picture_has_no_ink(colour: str, size: tuple[int, int]) -> None:
    assert not preprocess(Image.new("RGB", size, colour)).any()


def test_not_a_number_in_a_float_picture_is_no_ink() -> None:
    nothing = preprocess(Image.fromarray(np.full((40, 40), np.nan, dtype=np.float32)))
    check(nothing)
    assert not nothing.any()


def test_mnist_form_comes_through_unchanged_and_inverted_too() -> None:
    form = preprocess(drawn())[0]
    picture = Image.fromarray((form * 255).astype(np.uint8))
    again = preprocess(picture)
    assert abs(again - np.asarray(picture) / 255).max() < 1e-6
    inverted = preprocess(Image.fromarray(255 - np.asarray(picture)))
    assert abs(inverted - again).max() < 0.01


@pytest.mark.parametrize(
    ("colour", "paper"), [("white", "black"), ("yellow", "navy"), ("navy", "white"), ("red", "white")]
)
def test_polarity_and_colour_do_not_matter(colour: str, paper: str) -> None:
    assert abs(preprocess(drawn(colour, paper)) - preprocess(drawn())).mean() < 0.03


@pytest.mark.parametrize("pen", [(0, 0, 0), (255, 255, 255)])
def test_a_transparent_drawing_is_laid_on_contrasting_paper(pen: tuple[int, int, int]) -> None:
    mask = Image.eval(drawn().convert("L"), lambda value: 255 - value)
    picture = Image.new("RGB", mask.size, pen)
    picture.putalpha(mask)
    assert abs(preprocess(picture) - preprocess(drawn())).mean() < 0.03


def test_the_digit_is_centred_by_mass_in_a_20_pixel_box() -> None:
    found = preprocess(drawn())[0]
    rows, columns = np.nonzero(found > 0.3)
    assert 18 <= np.ptp(rows) + 1 <= 22
    grid = np.arange(28)
    assert abs(found.sum(axis=1) @ grid / found.sum() - 13.5) < 1
    assert abs(found.sum(axis=0) @ grid / found.sum() - 13.5) < 1
    assert np.ptp(columns) < np.ptp(rows)


def test_the_exif_orientation_is_applied() -> None:
    turned = drawn().transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    assert abs(preprocess(turned) - preprocess(drawn())).mean() < 0.03


def test_the_bar_of_a_five_stays_with_it() -> None:
    shape = strokes.read_shape(DIGITS[5][3])
    for seed in range(8):
        generator = np.random.default_rng(seed)
        ink = strokes.draw(strokes.handwrite(shape, generator), 100, 6, generator)
        rows = np.nonzero(preprocess(screenshot(ink, generator))[0] > 0.3)[0]
        assert np.ptp(rows) >= 15


def test_ruled_lines_go_and_crossing_strokes_stay() -> None:
    mask = np.zeros((100, 120), dtype=bool)
    mask[30:32] = mask[70:72] = True
    mask[20:90, 58:63] = True
    cleaned = erase_rules(mask.copy(), mask.astype(np.float32) * 0.5)
    assert not cleaned[30:32, :50].any()
    assert not cleaned[70:72, 70:].any()
    assert cleaned[20:90, 59:62].all()


def test_the_table_around_the_page_and_a_drawn_frame_are_left_out() -> None:
    generator = np.random.default_rng(3)
    page = drawn().resize((400, 300))
    grain = generator.integers(40, 90, (400, 540, 1), dtype=np.uint8)
    table = Image.fromarray(np.repeat(grain, 3, axis=2))
    table.paste(page, (70, 50))
    assert abs(preprocess(table) - preprocess(page)).mean() < 0.04
    framed = drawn()
    ImageDraw.Draw(framed).rectangle((30, 10, 170, 140), outline="black", width=4)
    assert abs(preprocess(framed) - preprocess(drawn())).mean() < 0.04


def test_a_small_digit_on_a_large_page_is_found() -> None:
    page = Image.new("RGB", (1600, 1200), (225, 222, 215))
    page.paste(drawn(paper="#e1ded7").crop((50, 20, 130, 135)).resize((56, 80)), (1000, 700))
    # Its strokes are thickened to MNIST's width, so that only the shape is the same.
    assert np.corrcoef(preprocess(page).ravel(), preprocess(drawn()).ravel())[0, 1] > 0.7


@pytest.mark.parametrize(("colour", "paper"), [("black", "white"), ("white", "black")])
def test_a_fat_pen_cropped_tightly_keeps_its_polarity(colour: str, paper: str) -> None:
    picture = Image.new("RGB", (140, 220), paper)
    ImageDraw.Draw(picture).line([(20, 20), (110, 20), (55, 205)], fill=colour, width=34, joint="curve")
    found = preprocess(picture)[0]
    assert found[5:8, 8:16].mean() > 0.5
    assert found[18:24, 18:].mean() < 0.1


def test_a_neighbour_at_the_edge_is_left_out() -> None:
    picture = drawn()
    ImageDraw.Draw(picture).line([(194, 20), (194, 140)], fill="black", width=12)
    assert abs(preprocess(picture) - preprocess(drawn())).mean() < 0.03


@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.integers(3, 30))
@settings(max_examples=40, deadline=None)
def test_pieces_are_those_of_a_flood_fill(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.45
    pieces = connected_pieces(mask, mask.astype(np.float32))
    assert ((pieces.labels > 0) == mask).all()
    waiting, seen, count = list(zip(*np.nonzero(mask), strict=True)), np.zeros_like(mask), 0
    for start in waiting:
        if seen[start]:
            continue
        count += 1
        stack = [start]
        seen[start] = True
        while stack:
            row, column = stack.pop()
            assert pieces.labels[row, column] == pieces.labels[start]
            near = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
            for r, c in zip(*np.nonzero(mask[near] & ~seen[near]), strict=True):
                spot = near[0].start + r, near[1].start + c
                seen[spot] = True
                stack.append(spot)
    assert pieces.weight.size == count


@pytest.mark.parametrize("seed", range(6))
def test_synthetic_pictures_are_the_seeds_own(seed: int) -> None:
    first, again = (digit_picture(seed, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(np.asarray(first), np.asarray(again))
    check(preprocess(first))


def test_a_photograph_of_blank_paper_is_finite() -> None:
    check(preprocess(photograph(np.zeros((90, 90), dtype=np.float32), np.random.default_rng(4))))


@pytest.mark.parametrize("bits", range(8, 17))
@pytest.mark.parametrize("light_on_dark", [False, True])
def test_any_number_of_bits_in_sixteen_is_read(bits: int, light_on_dark: bool) -> None:
    grey = np.asarray(drawn().convert("L")).astype(np.float64)
    grey = 255 - grey if light_on_dark else grey
    deep = Image.fromarray((grey * ((2**bits - 1) / 255)).astype(np.uint16))
    assert abs(preprocess(deep) - preprocess(drawn())).mean() < 0.03
