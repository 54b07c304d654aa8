"""From a digit's ink to MNIST's form: its strokes, its size and its place in 28 x 28."""

from __future__ import annotations

import numpy as np

from services.digit_recognizer.ink import Floats, resize, sliding_maximum
from services.digit_recognizer.pieces import Digit

SIDE = 28
BOX = 20
# Strokes in the 20 x 20 box, in its pixels: thinner ones are thickened, thicker ones thinned, to MNIST's range.
THINNEST_STROKE = 2.0
THICKEST_STROKE = 4.2
OVERSAMPLING = 4


def place(strength: Floats, chosen: Digit, cut: float) -> Floats:
    """Cut the digit out, bring its strokes to MNIST's width, and centre it by mass in 28 x 28."""
    top, left, bottom, right = chosen.box
    full = float(np.median(strength[chosen.mask]))
    soft = np.clip((strength - 0.5 * cut) / max(1e-6, 0.9 * full - 0.5 * cut), 0, 1)
    margin = 2
    height, width = strength.shape
    frame = max(0, top - margin), max(0, left - margin), min(height, bottom + margin), min(width, right + margin)
    window = slice(frame[0], frame[2]), slice(frame[1], frame[3])
    # The strokes' soft edges lie just outside of the mask.
    soft = soft[window] * sliding_maximum(chosen.mask[window].astype(np.float32)[None], 2)[0]
    scale = BOX * OVERSAMPLING / max(bottom - top, right - left)
    large = resize(soft, max(1, round(soft.shape[1] * scale)), max(1, round(soft.shape[0] * scale)))
    large = _normalise_strokes(large)
    inked = large > 0.3
    if not inked.any():
        return np.zeros((SIDE, SIDE), dtype=np.float32)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    large = large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longest = max(large.shape)
    width, height = (max(1, round(side * BOX * OVERSAMPLING / longest)) for side in large.shape[::-1])
    large = resize(large, width, height)
    canvas = np.zeros((SIDE * OVERSAMPLING, SIDE * OVERSAMPLING), dtype=np.float32)
    mass = float(large.sum())
    middle = SIDE * OVERSAMPLING / 2
    offset_row = middle - float(large.sum(axis=1) @ (np.arange(height) + 0.5)) / mass
    offset_column = middle - float(large.sum(axis=0) @ (np.arange(width) + 0.5)) / mass
    row = int(np.clip(round(offset_row), 0, canvas.shape[0] - height))
    column = int(np.clip(round(offset_column), 0, canvas.shape[1] - width))
    canvas[row : row + height, column : column + width] = large
    return np.clip(resize(canvas, SIDE, SIDE), 0, 1)


def _normalise_strokes(large: Floats) -> Floats:
    """Thicken or thin strokes (an array at 4 x the box's scale) to the range of widths that MNIST has."""
    inked = np.pad(large > 0.5, 1)
    area = float(inked.sum())
    rim = area - float(
        (inked[1:-1, 1:-1] & inked[:-2, 1:-1] & inked[2:, 1:-1] & inked[1:-1, :-2] & inked[1:-1, 2:]).sum()
    )
    if area == 0 or rim == 0:
        return large
    stroke = 2 * area / rim
    missing = round((THINNEST_STROKE * OVERSAMPLING - stroke) / 2)
    surplus = round((stroke - THICKEST_STROKE * OVERSAMPLING) / 2)
    if missing > 0:
        return _grow(np.pad(large, missing + 1), missing)
    if surplus > 0:
        return 1 - _grow(1 - np.pad(large, 1), min(surplus, 6))
    return large


def _grow(values: Floats, radius: int) -> Floats:
    """Dilate by a disc of ``radius`` pixels."""
    height, width = values.shape
    padded = np.pad(values, radius, mode="edge")
    result = values
    for row in range(-radius, radius + 1):
        for column in range(-radius, radius + 1):
            if 0 < row * row + column * column <= radius * radius + 0.5:
                shifted = padded[radius + row : radius + row + height, radius + column : radius + column + width]
                result = np.maximum(result, shifted)
    return result
