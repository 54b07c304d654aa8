"""Find ink on paper: background, polarity, strength and ruled lines. Pure numpy and Pillow.

Pictures are float32 arrays of shape (channels, height, width) with values 0..1 and one (gray) or three channels;
strengths and masks are (height, width).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Background is estimated on a thumbnail: illumination is smooth, and the sliding windows below are fast there.
THUMBNAIL = 48
# A stroke must be narrower than this share of the longer side to be told from background.
WIDEST_STROKE = 0.3
# Ruled lines are searched in this many pieces of the picture's width.
PIECES = 16


def resize(values: Floats, width: int, height: int) -> Floats:
    """Resize a (height, width) array with an anti-aliased triangle filter."""
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)


def thumbnail(picture: Floats) -> Floats:
    """Return ``picture`` scaled so that its longer side has :data:`THUMBNAIL` pixels (never enlarged)."""
    _, height, width = picture.shape
    scale = min(1.0, THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.stack([resize(channel, *size) for channel in picture])


def sliding_maximum(values: Floats, radius: int) -> Floats:
    """Return the maximum over the square window of ``2 * radius + 1`` around each pixel, per channel."""
    for axis in (1, 2):
        reach = min(radius, values.shape[axis] - 1)
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        padded = np.pad(values, padding, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        values = windows.max(axis=-1)
    return values


def closing(small: Floats, radius: int) -> Floats:
    """Return ``small`` with all dark structures narrower than ``2 * radius + 1`` pixels filled in."""
    return -sliding_maximum(-sliding_maximum(small, radius), radius)


def is_dark_on_light(small: Floats) -> bool:
    """Return whether the ink of a thumbnail is darker than its background.

    A flat rim with something of strong contrast inside is a drawing on a screen, or a fat pen cropped tightly: the rim
    is the background. Otherwise thin structures decide: neither light nor shadow makes those. Where there are none,
    the rare, strong deviation from a smooth surface is the ink.
    """
    flat = _against_flat_rim(small.mean(axis=0))
    if flat is not None:
        return flat
    radius = max(1, max(small.shape[1:]) // 20)
    closed = closing(small, radius)
    opened = -closing(-small, radius)
    dark, light = (float(np.sum((part / (closed + 0.05)) ** 3)) for part in (closed - small, small - opened))
    if max(dark, light) > 0.05 and max(dark, light) > 1.5 * min(dark, light):
        return dark > light
    return _skew(small[:, ::2, ::2]) <= 0


def _against_flat_rim(gray: Floats) -> bool | None:
    """Return whether ink is darker than a rim of one brightness, or None when the rim does not decide it."""
    rim = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    away = gray - np.median(rim)
    contrast = float(abs(away).max())
    ink = abs(away) > 0.35 * contrast
    # Shadows and tables seldom reach this contrast, or cover more than ink does.
    if contrast < 0.55 or float(ink.mean()) > 0.55 or float((abs(rim - np.median(rim)) < 0.1).mean()) < 0.55:
        return None
    return float(away[ink].mean()) < 0


def _skew(small: Floats) -> float:
    """Return the third moment of the residual of a smooth surface, in the channel where it is strongest."""
    _, height, width = small.shape
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    # The rim counts more, since it is mostly background.
    rim = np.where(np.maximum(abs(rows), abs(columns)) > 0.8, 3.0, 1.0).ravel()
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2]).reshape(6, -1)
    strongest = 0.0
    for values in small.reshape(small.shape[0], -1).astype(np.float64):
        residual = values - np.median(values)
        for _ in range(3):
            spread = 4.7 * 1.48 * float(np.median(abs(residual))) + 0.02
            # Tukey's biweight: far outliers (the ink) get no weight in the fit.
            weighted = terms * (rim * np.clip(1 - (residual / spread) ** 2, 0, 1) ** 2)
            surface = np.linalg.solve(weighted @ terms.T + 1e-3 * np.eye(6), weighted @ values)
            residual = values - surface @ terms
        moment = float(np.sum(rim * residual**3))
        if abs(moment) > abs(strongest):
            strongest = moment
    return strongest


def background(small: Floats, width: int, height: int) -> Floats:
    """Return the paper's brightness without the ink, at ``width`` x ``height``, from a thumbnail.

    A morphological closing, unlike a blur or a fitted surface, keeps the edges of shadows.
    """
    radius = max(1, round(WIDEST_STROKE * max(small.shape[1:]) / 2))
    return np.stack([resize(channel, width, height) for channel in closing(small, radius)])


def ink_strength(picture: Floats, small: Floats) -> Floats:
    """Return how much ink lies on each pixel of a dark-on-light picture: 0 on paper, up to 1 on the blackest ink.

    The share of the paper's light that is missing in each channel is projected on the colour of the strongest ink,
    so that print in other colours counts less.
    """
    paper = np.maximum(background(small, picture.shape[2], picture.shape[1]), 0.02)
    missing = np.clip(1 - picture / paper, -0.2, 1)
    if len(missing) == 1:
        gray: Floats = missing[0]
        return gray
    density = missing.mean(axis=0)
    # A small digit covers less than 1.5 % of its page; then the pixels near the darkest one have the ink's colour.
    strongest = density >= max(float(np.quantile(density[::2, ::2], 0.985)), 0.3 * float(density.max()))
    colour = missing[:, strongest].mean(axis=1)
    length = float(np.linalg.norm(colour))
    if length < 1e-3:
        return np.zeros(density.shape, dtype=np.float32)
    strength: Floats = np.tensordot(colour / np.float32(length * 3**0.5), missing, axes=1)
    return strength


def otsu(values: Floats, bins: int = 64) -> float:
    """Return the threshold that best separates ``values`` (0..1) into two classes. Source: Otsu, 1979."""
    counts, edges = np.histogram(values, bins=bins, range=(0.0, 1.0))
    below = np.cumsum(counts)
    above = below[-1] - below
    middles = (edges[:-1] + edges[1:]) / 2
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    between = np.nan_to_num(below * above * gap**2)
    # Two clean classes leave a plateau of equally good thresholds: take its middle.
    best = np.flatnonzero(between >= between.max() * 0.999)
    return float(edges[int(best[len(best) // 2]) + 1])


def erase_rules(mask: Mask, strength: Floats) -> Mask:
    """Erase printed lines that run from one edge to the other, keeping the strokes that cross them."""
    for transposed in (False, True):
        view, inked = (mask.T, strength.T) if transposed else (mask, strength)
        view = _erase_level_rules(view.copy(), inked)
        mask = view.T if transposed else view
    return mask


def _erase_level_rules(mask: Mask, strength: Floats) -> Mask:
    height, width = mask.shape
    if min(height, width) < 24:
        return mask
    if mask.any(axis=0).mean() < 0.7:
        return mask
    rows, columns = np.nonzero(mask)
    piece = columns * PIECES // width
    for slope in np.tan(np.radians(np.arange(-6, 6.5, 0.5))):
        offset = np.rint(rows - slope * (columns - width / 2)).astype(int)
        cell = np.clip(offset, -1, height) + 1
        cells = np.bincount(cell * PIECES + piece, minlength=(height + 2) * PIECES).reshape(-1, PIECES)[1:-1]
        # A rule covers nearly every piece of its row, up to both edges; a digit's own bar ends before them.
        found = (cells >= 0.6 * width / PIECES).mean(axis=1) >= 0.8
        found &= (cells[:, 0] > 0) & (cells[:, -1] > 0)
        if found.any():
            mask = _erase_along(mask, strength, np.flatnonzero(found), float(slope))
            rows, columns = np.nonzero(mask)
            piece = columns * PIECES // width
    return mask


def _erase_along(mask: Mask, strength: Floats, offsets: NDArray[np.int_], slope: float) -> Mask:
    height, width = mask.shape
    limit = max(2, round(0.03 * height))
    columns = np.arange(width)
    groups = np.split(offsets, np.flatnonzero(np.diff(offsets) > 1) + 1)
    for group in groups:
        if len(group) > limit + 2:
            continue  # too thick for print: a bar of the digit or the edge of a shadow
        top = np.clip(np.rint(group[0] - 1 + slope * (columns - width / 2)).astype(int), 0, height - 1)
        bottom = np.clip(np.rint(group[-1] + 1 + slope * (columns - width / 2)).astype(int), 0, height - 1)
        middle = (top + bottom) // 2
        line = np.median(strength[middle, columns])
        above = mask[np.maximum(top - 1, 0), columns] & mask[np.maximum(top - 2, 0), columns]
        below = mask[np.minimum(bottom + 1, height - 1), columns] & mask[np.minimum(bottom + 2, height - 1), columns]
        crossing = above | below
        for row in range(int(bottom.max() - top.min()) + 1):
            level = np.minimum(top + row, bottom)
            darker = strength[level, columns] > 1.5 * line
            mask[level, columns] &= crossing | darker
    return mask
