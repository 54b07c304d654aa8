"""The steps of preprocessing: where a digit is looked for, what counts as ink, and how wide strokes get."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from services.digit_recognizer import preprocess as reading
from services.digit_recognizer.ink import Floats
from services.digit_recognizer.pieces import connected_pieces
from services.digit_recognizer.placing import OVERSAMPLING, THICKEST_STROKE, THINNEST_STROKE, _normalise_strokes


def page(width: int, height: int, digit: int) -> Image.Image:
    """Return white paper with a seven of ``digit`` pixels height at its middle."""
    picture = Image.new("L", (width, height), 255)
    left, top = (width - digit) // 2, (height - digit) // 2
    ends = [(left + digit // 5, top), (left + digit * 4 // 5, top), (left + digit * 2 // 5, top + digit)]
    ImageDraw.Draw(picture).line(ends, fill=0, width=max(2, digit // 10), joint="curve")
    return picture


def sizes_read(picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the sizes of the pictures that the digit was looked for in: the whole, and its surroundings."""
    sizes, read = [], reading._read

    def counted(image: Image.Image, *, may_zoom: bool = True) -> Floats | None:
        sizes.append(image.size)
        return read(image, may_zoom=may_zoom)

    monkeypatch.setattr(reading, "_read", counted)
    assert reading.preprocess(picture).any()
    return sizes


@pytest.mark.parametrize(
    ("size", "digit", "times"),
    [
        ((280, 280), 50, 1),  # hardly larger than what is read: there is nothing more to see
        ((300, 300), 55, 2),
        ((960, 960), 150, 2),
        ((960, 960), 210, 2),
        ((960, 960), 270, 1),  # large enough as it is
        ((960, 960), 700, 1),
    ],
)
def test_only_a_small_digit_on_a_large_page_is_read_again(
    size: tuple[int, int], digit: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = sizes_read(page(*size, digit), monkeypatch)
    assert len(sizes) == times
    assert sizes[0] == size
    if times == 2:
        # 0.6 of the digit on every side, its strokes' edges and the rounding of a fifth of a page's pixels aside.
        assert 1.8 * digit < sizes[1][1] < 2.8 * digit


def test_what_is_seen_at_a_finer_scale_is_what_counts() -> None:
    sheet = Image.new("L", (1920, 1920), 255)
    # Two rings, one above the other: at a tenth of the size their holes would be a pixel wide.
    draw = ImageDraw.Draw(sheet)
    for top in (900, 936):
        draw.ellipse((940, top, 976, top + 40), outline=0, width=6)
    found = reading.preprocess(sheet)[0]
    inside = connected_pieces(found < 0.35, np.ones_like(found))
    assert inside.weight.size == 3  # the paper around, and the two holes


def strength_of(*bars: tuple[slice, slice, float]) -> Floats:
    made = np.zeros((100, 100), dtype=np.float32)
    for rows, columns, value in bars:
        made[rows, columns] = value
    return made


TABLE = (slice(0, 100), slice(0, 12), 0.9)
DIGIT = (slice(30, 70), slice(50, 56), 0.5)


def without(strength: Floats) -> tuple[float, list[list[int]]] | None:
    found = reading._without_surroundings(connected_pieces(strength > 0.3, strength), strength)
    return None if found is None else (found[0], found[1].box.tolist())


def test_a_table_beside_the_page_is_left_out_and_the_rest_is_read_by_its_own_strength() -> None:
    found = without(strength_of(TABLE, DIGIT))
    assert found is not None
    cut, boxes = found
    assert boxes == [[30, 50, 70, 56]]
    assert 0.5 * 0.3 - 1e-6 <= cut <= 0.5 * 0.55 + 1e-6


def test_its_soft_edge_is_left_out_with_it() -> None:
    edge = (slice(0, 100), slice(12, 15), 0.28)
    found = without(strength_of(TABLE, edge, DIGIT))
    assert found is not None
    assert found[1] == [[30, 50, 70, 56]]


@pytest.mark.parametrize(
    "bars",
    [
        [DIGIT],  # nothing lies along the edges
        [TABLE],  # nothing lies inside
        [TABLE, (slice(48, 54), slice(50, 54), 0.5)],  # only a speck
        [TABLE, (slice(30, 70), slice(94, 100), 0.5)],  # only what touches the edge
    ],
    ids=["no table", "nothing else", "a speck", "at the edge"],
)
def test_without_anything_legible_inside_the_surroundings_stay(bars: list[tuple[slice, slice, float]]) -> None:
    assert without(strength_of(*bars)) is None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_blur_is_the_mean_of_nine(seed: int) -> None:
    values = np.random.default_rng(seed).random((7, 9)).astype(np.float32)
    framed = np.pad(values, 1, mode="edge")
    expected = np.array([[framed[r : r + 3, c : c + 3].mean() for c in range(9)] for r in range(7)])
    assert np.allclose(reading._blur(values), expected, atol=1e-6)


def test_the_grain_of_paper_is_no_ink_and_a_line_is() -> None:
    grain = np.random.default_rng(5).normal(0, 60, (300, 300)).clip(-90, 90)
    blank = Image.fromarray((165 + grain).astype(np.uint8))
    lined = blank.copy()
    ImageDraw.Draw(lined).line([(100, 40), (200, 40), (130, 260)], fill=0, width=24, joint="curve")
    rows = np.flatnonzero((reading.preprocess(lined)[0] > 0.5).any(axis=1))
    assert 18 <= rows[-1] - rows[0] + 1 <= 22


@pytest.mark.parametrize(("ink", "legible"), [(0.055, False), (0.065, True)])
def test_the_faintest_ink(ink: float, legible: bool) -> None:
    assert (reading._ink_cut(strength_of((*DIGIT[:2], ink))) is not None) == legible


@pytest.mark.parametrize(("noise", "legible"), [(0.03, True), (0.3, False)])
def test_ink_stands_out_from_the_papers_spread(noise: float, legible: bool) -> None:
    paper = np.random.default_rng(1).uniform(0, noise, (100, 100)).astype(np.float32)
    paper[DIGIT[:2]] += 0.05
    assert (reading._ink_cut(paper) is not None) == legible


@pytest.mark.parametrize(("pixels", "legible"), [(11, False), (12, True)])
def test_twelve_pixels_of_a_page_are_ink(pixels: int, legible: bool) -> None:
    strength = np.zeros((100, 100), dtype=np.float32)
    strength.ravel()[:pixels] = 0.5
    assert (reading._ink_cut(strength) is not None) == legible


@given(st.floats(0.1, 1), st.floats(0.1, 1))
@settings(max_examples=50, deadline=None)
def test_the_cut_lies_at_a_third_to_a_half_of_the_strongest_ink(first: float, second: float) -> None:
    strength = strength_of((*DIGIT[:2], first), (slice(30, 70), slice(70, 76), second))
    cut = reading._ink_cut(strength)
    strongest = max(first, second)
    assert cut is not None
    assert 0.3 * strongest - 1e-5 <= cut <= 0.55 * strongest + 1e-5


def form(height: int, *, top: int | None = None, level: float = 1.0, rim: float = 0.0) -> Floats:
    """Return 28 x 28 pixels with a bar of ``height`` rows, in the middle where ``top`` is None."""
    made = np.zeros((28, 28), dtype=np.float32)
    start = (28 - height) // 2 if top is None else top
    made[start : start + height, 12:16] = level
    made[[0, -1]] = rim
    return made


@pytest.mark.parametrize(
    ("gray", "ready"),
    [
        (form(16), False),
        (form(17), True),
        (form(22), True),
        (form(23), False),
        (form(20, top=5), True),
        (form(20, top=6), False),
        (form(20, top=2), False),
        (form(20, level=0.55), True),
        (form(20, level=0.45), False),
        (form(20, rim=0.12), False),
        (form(20, rim=0.09), True),
    ],
    ids=["too small", "smallest", "largest", "too large", "low", "too low", "too high", "faint", "too faint"]
    + ["a dirty rim", "a rim nearly clean"],
)
def test_a_picture_that_is_in_mnists_form_already(gray: Floats, ready: bool) -> None:
    found = reading._mnist_form(gray)
    assert (found is not None) == ready
    if found is not None:
        assert (found == gray).all()
        inverted = reading._mnist_form(1 - gray)
        assert inverted is not None
        assert np.allclose(inverted, gray, atol=1e-6)


def bar(width: int) -> Floats:
    made = np.zeros((80, 60), dtype=np.float32)
    made[5:75, 30 - width // 2 : 30 - width // 2 + width] = 1
    return made


@pytest.mark.parametrize("width", range(1, 40))
def test_strokes_get_the_widths_that_mnist_has(width: int) -> None:
    given_bar = bar(width)
    made = _normalise_strokes(given_bar)
    found = int((made[made.shape[0] // 2] > 0.5).sum())
    # Twice the area by the length of the rim, as for any long stroke.
    stroke = 2 * 70 * width / (2 * 70 + 2 * width - 4) if width > 2 else 2.0
    missing = max(0, round((THINNEST_STROKE * OVERSAMPLING - stroke) / 2))
    surplus = max(0, round((stroke - THICKEST_STROKE * OVERSAMPLING) / 2))
    assert found == width + 2 * missing - 2 * min(surplus, 6)
    if not missing and not surplus:
        assert made is given_bar


def test_a_grown_point_is_a_disc() -> None:
    point = np.zeros((9, 9), dtype=np.float32)
    point[4, 4] = 1
    rows, columns = np.nonzero(_normalise_strokes(np.pad(point, 0)) > 0.5)
    # The rim of one pixel is the pixel: its stroke is 2, so three are missing on every side.
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (6, 6)
    distance = np.hypot(rows - rows.mean(), columns - columns.mean())
    assert distance.max() <= np.sqrt(9.5)
    assert len(rows) == sum(1 for r in range(-3, 4) for c in range(-3, 4) if r * r + c * c <= 9.5)
