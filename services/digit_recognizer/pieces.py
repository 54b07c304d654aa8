"""Finds connected pieces of ink and chooses those that form the digit. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.digit_recognizer.ink import Floats, Mask

# A shadow or a table lies along the picture's edge; a digit or other writing only crosses it.
ALONG_THE_RIM = 0.6
# What a frame encloses must be at least this share of its height, or else it is a speck inside a 0.
FRAMED = 0.3


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of a mask. ``labels`` is 0 off the ink, else 1 + the piece's index in the other arrays."""

    labels: NDArray[np.int32]
    weight: Floats
    box: NDArray[np.int_]  # per piece: top, left, bottom, right (the last two exclusive)
    centre: Floats  # per piece: row, column, weighted by strength


def connected_pieces(mask: Mask, strength: Floats) -> Pieces:
    """Return the 8-connected pieces of ``mask``, found by joining runs of pixels."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    if row.size == 0:
        empty = np.zeros(0, dtype=np.float32)
        return Pieces(np.zeros(mask.shape, np.int32), empty, np.zeros((0, 4), int), np.zeros((0, 2), np.float32))
    parent = _join_runs(row, start, end)
    _, piece = np.unique(parent, return_inverse=True)
    lengths = end - start
    labels = np.zeros(mask.shape, dtype=np.int32)
    labels[mask] = np.repeat(piece + 1, lengths)
    count = int(piece.max()) + 1
    box = np.empty((count, 4), dtype=int)
    box[:, :2] = np.iinfo(np.int32).max
    box[:, 2:] = 0
    np.minimum.at(box[:, 0], piece, row)
    np.minimum.at(box[:, 1], piece, start)
    np.maximum.at(box[:, 2], piece, row + 1)
    np.maximum.at(box[:, 3], piece, end)
    inked = labels[mask] - 1
    weights = np.maximum(strength[mask], 1e-6).astype(np.float64)
    rows, columns = np.nonzero(mask)
    total = np.bincount(inked, weights, count)
    centre = np.stack(
        [np.bincount(inked, weights * rows, count) / total, np.bincount(inked, weights * columns, count) / total],
        axis=1,
    )
    return Pieces(labels, total.astype(np.float32), box, centre.astype(np.float32))


def _join_runs(row: NDArray[np.int_], start: NDArray[np.int_], end: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return for each run of pixels the lowest run number of its piece (runs touch, corners included)."""
    key = row * 100_000
    # The runs of the row above that end at or after this one's start and start at or before its end are consecutive.
    low = np.searchsorted(key + end, key - 100_000 + start)
    high = np.searchsorted(key + start, key - 100_000 + end, side="right")
    counts = np.maximum(high - low, 0)
    upper = np.repeat(low, counts) + np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    lower = np.repeat(np.arange(row.size), counts)
    parent = np.arange(row.size)
    while True:
        least = np.minimum(parent[upper], parent[lower])
        before = parent.copy()
        np.minimum.at(parent, parent[upper], least)
        np.minimum.at(parent, parent[lower], least)
        np.minimum.at(parent, upper, least)
        np.minimum.at(parent, lower, least)
        parent = parent[parent]
        if np.array_equal(parent, before):
            return parent


def rim_contact(pieces: Pieces) -> Floats:
    """Return, per piece, how many of the picture's rim pixels it holds, over its own longer side."""
    labels, box = pieces.labels, pieces.box
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    counts = np.bincount(rim, minlength=len(box) + 1)[1:]
    contact: Floats = counts / np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    return contact


class Digit:
    """The pieces that form the digit: their mask and its box (top, left, bottom, right)."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        self.box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def choose_digit(pieces: Pieces) -> Digit | None:
    """Choose the digit: the heaviest and most central piece, with the parts that a broken stroke left beside it."""
    count = pieces.weight.size
    if count == 0:
        return None
    height, width = pieces.labels.shape
    box, weight = pieces.box, pieces.weight.astype(np.float64)
    heights, widths = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    away = np.hypot(pieces.centre[:, 0] / height - 0.5, pieces.centre[:, 1] / width - 0.5)
    edge = (box[:, 0] <= 0).astype(int) + (box[:, 1] <= 0) + (box[:, 2] >= height) + (box[:, 3] >= width)
    size = np.maximum(heights, widths)
    reaching = np.where(rim_contact(pieces) > ALONG_THE_RIM, 0.03, np.where(edge > 0, 0.35, 1.0))
    score = np.sqrt(weight) * size * np.exp(-2.5 * away) * reaching
    main = int(np.argmax(score))
    # A box drawn around the digit, or the paper's own edge, is larger than what it frames.
    framed = (box[:, :2] > box[main, :2]).all(axis=1) & (box[:, 2:] < box[main, 2:]).all(axis=1)
    framed &= (heights > FRAMED * heights[main]) & (weight > 0.04 * weight[main])
    candidates = np.ones(count, dtype=bool)
    if framed.any():
        candidates[main] = False
        main = int(np.argmax(np.where(framed, score, 0)))
    reach = 0.22 * size[main]
    gap_rows = np.maximum(box[:, 0] - box[main, 2], box[main, 0] - box[:, 2])
    gap_columns = np.maximum(box[:, 1] - box[main, 3], box[main, 1] - box[:, 3])
    near = np.maximum(gap_rows, gap_columns) <= reach
    shared = np.minimum(box[:, 3], box[main, 3]) - np.maximum(box[:, 1], box[main, 1])
    beside = (shared < 0.3 * np.minimum(widths, widths[main])) & (heights > 0.6 * heights[main])
    large = weight >= 0.02 * weight[main]
    keep = candidates & near & ~beside & large & ((edge == 0) | (edge[main] > 0))
    keep[main] = True
    return Digit(np.concatenate([[False], keep])[pieces.labels])
