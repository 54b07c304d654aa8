"""Turn any picture of a written digit into MNIST's form. The same in training, evaluation and serving.

MNIST's form (LeCun et al., 1998): a white digit on black, scaled with its aspect kept into a 20 x 20 box, and placed
in 28 x 28 so that its centre of mass is in the middle.
"""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image, ImageOps

from image_files.decoding import full_range
from services.digit_recognizer.ink import (
    Floats,
    erase_rules,
    ink_strength,
    is_dark_on_light,
    otsu,
    resize,
    sliding_maximum,
    thumbnail,
)
from services.digit_recognizer.pieces import ALONG_THE_RIM, Digit, Pieces, choose_digit, connected_pieces, rim_contact

SIDE = 28
BOX = 20
# The longer side that pictures are read at: strokes keep a few pixels, and 1,000 x 1,000 stays within 10 ms.
WORKING_SIDE = 192
SMALLEST_SIDE = 5  # pixels; nothing legible fits into less
FAINTEST_INK = 0.06  # share of the paper's light that must be missing
# Strokes in the 20 x 20 box, in its pixels: thinner ones are thickened, thicker ones thinned, to MNIST's range.
THINNEST_STROKE = 2.0
THICKEST_STROKE = 4.2
OVERSAMPLING = 4


def preprocess(image: Image.Image) -> Floats:
    """Return the digit in ``image`` as float32 of shape (1, 28, 28), values 0..1.

    Takes any Pillow mode and size. A picture without ink (constant, or less than 5 pixels high or wide) gives zeros;
    a picture that has MNIST's form already stays unchanged (inverted, if it is black on white).
    """
    image = _eight_bit_range(_upright(image))
    empty = np.zeros((1, SIDE, SIDE), dtype=np.float32)
    if min(image.size) < SMALLEST_SIDE:
        return empty
    if image.size == (SIDE, SIDE):
        ready = _mnist_form(_channels(image).mean(axis=0))
        if ready is not None:
            return ready[None]
    found = _read(image)
    return empty if found is None else found[None]


def _upright(image: Image.Image) -> Image.Image:
    try:
        # exif_transpose copies pictures that are upright already.
        return image if image.getexif().get(ExifTags.Base.Orientation, 1) == 1 else ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF does not make the pixels unreadable
        return image


def _eight_bit_range(image: Image.Image) -> Image.Image:
    """Bring more than 8 bits to values 0..255 in mode F: by the bits that they need, since 10 in 16 are common."""
    if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    scale = float(full_range(top)) if top <= 65535 else top
    return Image.fromarray(values * np.float32(255 / scale))


def _channels(image: Image.Image) -> Floats:
    """Return (channels, height, width) in 0..1; transparent pictures get a background that contrasts with the ink."""
    if image.mode == "F":
        scaled: Floats = np.clip(np.asarray(image, dtype=np.float32) / np.float32(255), 0, 1)[None]
        return scaled
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        layers = np.asarray(image.convert("RGBA"), dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
        colours, alpha = layers[:3], layers[3:]
        drawn = float((colours * alpha).sum()) / max(1e-6, 3 * float(alpha.sum()))
        paper = np.float32(drawn < 0.6)
        composed: Floats = colours * alpha + paper * (1 - alpha)
        return composed
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"), dtype=np.float32)[None] / np.float32(255)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1), dtype=np.float32) / np.float32(255)


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


def _shrink(image: Image.Image, side: int) -> Image.Image:
    """Scale so that the longer side is ``side``: down with a box average, up (small drawings) smoothly."""
    width, height = image.size
    scale = side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if image.mode in ("P", "1", "PA"):  # colour numbers cannot be averaged
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if scale > 1:
        return image.resize(size, Image.Resampling.BICUBIC)
    return image.resize(size, Image.Resampling.BOX, reducing_gap=1.5)


def _read(image: Image.Image, *, may_zoom: bool = True) -> Floats | None:
    working = _shrink(image, WORKING_SIDE)
    picture = _channels(working)
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
    return _place(strength, chosen, cut)


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


def _place(strength: Floats, chosen: Digit, cut: float) -> Floats:
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
