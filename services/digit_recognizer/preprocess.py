"""Turn any picture of a written digit into MNIST's form. The same in training, evaluation and serving.

MNIST's form (LeCun et al., 1998): a white digit on black, scaled with its aspect kept into a 20 x 20 box, and placed
in 28 x 28 so that its centre of mass is in the middle.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from services.digit_recognizer.ink import (
    Floats,
    erase_rules,
    ink_strength,
    is_dark_on_light,
    otsu,
    sliding_maximum,
    thumbnail,
)
from services.digit_recognizer.modes import channels, eight_bit_range, shrink
from services.digit_recognizer.pieces import ALONG_THE_RIM, Pieces, choose_digit, connected_pieces, rim_contact
from services.digit_recognizer.placing import SIDE, place

# The longer side that pictures are read at: strokes keep a few pixels, and 1,000 x 1,000 stays within 10 ms.
WORKING_SIDE = 192
SMALLEST_SIDE = 5  # pixels; nothing legible fits into less
FAINTEST_INK = 0.06  # share of the paper's light that must be missing


def preprocess(image: Image.Image) -> Floats:
    """Return the digit in ``image`` as float32 of shape (1, 28, 28), values 0..1.

    Takes any Pillow mode and size. A picture without ink (constant, or less than 5 pixels high or wide) gives zeros;
    a picture that has MNIST's form already stays unchanged (inverted, if it is black on white).
    """
    empty = np.zeros((1, SIDE, SIDE), dtype=np.float32)
    if min(image.size) < SMALLEST_SIDE:
        return empty
    image = eight_bit_range(image)
    if image.size == (SIDE, SIDE):
        ready = _mnist_form(channels(image).mean(axis=0))
        if ready is not None:
            return ready[None]
    found = _read(image)
    return empty if found is None else found[None]


def _mnist_form(gray: Floats) -> Floats | None:
    """Return a 28 x 28 picture as it is (white on black) when its digit is already placed as in MNIST, else None."""
    rim = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    ink = 1 - gray if np.median(rim) > 0.5 else gray
    if np.quantile(abs(rim - np.median(rim)), 0.9) > 0.1 or float(np.median(ink)) > 0.1 or ink.max() < 0.5:
        return None
    rows, columns = np.nonzero(ink > 0.15)
    longest = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    total = float(ink.sum())
    grid = np.arange(SIDE)
    centre = np.array([ink.sum(axis=1) @ grid, ink.sum(axis=0) @ grid]) / total
    if 17 <= longest <= 22 and np.all(abs(centre - (SIDE - 1) / 2) <= 1.5):
        return ink.astype(np.float32)
    return None


def _read(image: Image.Image, *, may_zoom: bool = True) -> Floats | None:
    working = shrink(image, WORKING_SIDE)
    picture = channels(working)
    if float(np.ptp(picture)) < 1 / 255:
        return None
    small = thumbnail(picture)
    if not is_dark_on_light(small):
        picture, small = 1 - picture, 1 - small
    strength = ink_strength(picture, small)
    smooth = _blur(strength)
    cut = _ink_cut(smooth)
    if cut is None:
        return None
    pieces = connected_pieces(erase_rules(smooth > cut, smooth), smooth)
    rest = _without_surroundings(pieces, smooth)
    if rest is not None:
        cut, pieces = rest
    chosen = choose_digit(pieces)
    if chosen is None:
        return None
    top, left, bottom, right = chosen.box
    zoom = max(image.size) / WORKING_SIDE
    if may_zoom and zoom > 1.5 and max(bottom - top, right - left) < WORKING_SIDE / 4:
        # A small digit on a large page: read its surroundings again at a finer scale.
        margin = 0.6 * max(bottom - top, right - left)
        corners = (left - margin, top - margin, right + margin, bottom + margin)
        limits = (image.width, image.height, image.width, image.height)
        frame = [int(np.clip(corner * zoom, 0, limit)) for corner, limit in zip(corners, limits, strict=True)]
        found = _read(image.crop((frame[0], frame[1], frame[2], frame[3])), may_zoom=False)
        if found is not None:
            return found
    return place(strength, chosen, cut)


def _without_surroundings(pieces: Pieces, smooth: Floats) -> tuple[float, Pieces] | None:
    """Find ink again without what lies along the edges (a table, a shadow's corner), if there is any.

    Returns the new cut and pieces, or None when there is nothing to leave out or nothing legible inside.
    """
    around = rim_contact(pieces) > ALONG_THE_RIM
    if not around.any():
        return None
    surroundings = np.concatenate([[False], around])[pieces.labels].astype(np.float32)
    inner = np.where(sliding_maximum(surroundings[None], 3)[0] > 0, np.float32(0), smooth)
    cut = _ink_cut(inner)
    if cut is None:
        return None
    found = connected_pieces(erase_rules(inner > cut, inner), inner)
    sizes = np.maximum(found.box[:, 2] - found.box[:, 0], found.box[:, 3] - found.box[:, 1])
    legible = (sizes >= 0.1 * max(smooth.shape)) & (rim_contact(found) == 0)
    return (cut, found) if legible.any() else None


def _blur(strength: Floats) -> Floats:
    """Average over 3 x 3 pixels: the grain of paper and camera must not be taken for ink."""
    padded = np.pad(strength, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    blurred: Floats = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return blurred


def _ink_cut(strength: Floats) -> float | None:
    """Return the strength from which a pixel counts as ink, or None when nothing stands out from the paper."""
    strongest = float(np.quantile(strength, 0.995))
    # The paper's spread, from the 10 % to the 40 % quantile of a normal distribution: even thick ink is above those.
    low, middle = np.quantile(strength, [0.1, 0.4])
    grain = float(middle - low) / 1.03
    if strongest < max(FAINTEST_INK, 4 * grain):
        # A small digit on a large page covers less than one pixel in two hundred.
        strongest = float(np.partition(strength.ravel(), -min(12, strength.size))[-min(12, strength.size)])
        if strongest < max(FAINTEST_INK, 8 * grain):
            return None
    scaled = np.clip(strength / strongest, 0, 1)
    # Otsu only over what may be ink: paper has a hundred times as many pixels.
    cut = otsu(scaled[scaled > 0.1]) if bool((scaled > 0.1).any()) else 0.5
    return strongest * float(np.clip(cut, 0.3, 0.55)) if strongest > 0 else None
