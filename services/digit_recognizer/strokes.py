"""Handwriting as pen paths: the ten digits in several national and personal styles, and things that are no digits.

A glyph is a list of strokes; a stroke is an array (n, 2) of x, y in a unit square, y downwards. All drawing is
seeded by the given generator.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from services.digit_recognizer.glyphs import DIGITS, OTHERS

Generator = np.random.Generator
Stroke = NDArray[np.float64]
Glyph = list[Stroke]


def read_shape(shape: str) -> Glyph:
    """Return the strokes' points of one of :mod:`glyphs`' texts."""
    return [
        np.array([[float(value) / 100 for value in point.split(",")] for point in stroke.split()])
        for stroke in shape.split("|")
    ]


def smooth(stroke: Stroke, steps: int = 8) -> Stroke:
    """Return the Catmull-Rom curve through the points of ``stroke``; a point given twice makes a corner."""
    padded = np.concatenate([stroke[:1], stroke, stroke[-1:]])
    ratio = np.linspace(0, 1, steps, endpoint=False)[:, None]
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    curves = [
        0.5 * (2 * b + (c - a) * ratio + (2 * a - 5 * b + 4 * c - d) * ratio**2 + (3 * b - a - 3 * c + d) * ratio**3)
        for a, b, c, d in zip(before, start, end, after, strict=True)
    ]
    return np.concatenate([*curves, stroke[-1:]])


def handwrite(shape: Glyph, generator: Generator, wobble: float = 0.03) -> Glyph:
    """Return one handwritten variant of ``shape``: its points moved, slanted, stretched and rotated."""
    turn, slant = generator.normal(0, 0.08), generator.normal(0.05, 0.15)
    stretch = np.array([generator.uniform(0.6, 1.1), 1.0])
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ np.array(
        [[1, -slant], [0, 1]]
    )
    strokes = []
    for points in shape:
        # Both copies of a corner move together, so that it stays one.
        _, index = np.unique(points, axis=0, return_inverse=True)
        moves = generator.normal(0, wobble, (int(index.max()) + 1, 2))
        moved = points + moves[index.ravel()] + generator.normal(0, wobble / 2, 2)
        strokes.append((smooth(moved) - 0.5) * stretch @ matrix.T)
    corners = np.concatenate(strokes)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = max(float((high - low).max()), 1e-6)
    return [(stroke - (low + high) / 2) / size + 0.5 for stroke in strokes]


def digit(number: int, generator: Generator) -> Glyph:
    """Return one handwritten variant of ``number`` in one of its styles, fitted into the unit square."""
    styles = DIGITS[number]
    return handwrite(read_shape(styles[int(generator.integers(len(styles)))]), generator)


def letter(generator: Generator) -> Glyph:
    """Return one handwritten variant of a letter, sign or shape that is no digit."""
    shapes = list(OTHERS.values())
    return handwrite(read_shape(shapes[int(generator.integers(len(shapes)))]), generator)


def scribble(generator: Generator) -> Glyph:
    """Return a random tangle of at least seven turns."""
    return handwrite([generator.random((int(generator.integers(8, 20)), 2))], generator)


def draw(glyph: Glyph, size: int, width: float, generator: Generator) -> NDArray[np.float32]:
    """Return the ink (0..1, shape (size, size)) of ``glyph``, its strokes about ``width`` pixels wide with pressure."""
    scale = 2
    canvas = Image.new("L", (size * scale, size * scale))
    pen = ImageDraw.Draw(canvas)
    side = size * scale - 2 * width * scale - 2
    pressure = generator.uniform(0, 0.25)
    phase = generator.uniform(0, 2 * math.pi)
    for stroke in glyph:
        points = stroke * side + width * scale + 1
        radii = width * scale / 2 * (1 + pressure * np.sin(phase + np.linspace(0, 5, len(points))))
        for (x0, y0), (x1, y1), radius in zip(points[:-1], points[1:], radii[1:], strict=True):
            pen.line((x0, y0, x1, y1), fill=255, width=max(1, round(2 * radius)))
            pen.ellipse((x1 - radius, y1 - radius, x1 + radius, y1 + radius), fill=255)
        x, y = points[0]
        pen.ellipse((x - radii[0], y - radii[0], x + radii[0], y + radii[0]), fill=255)
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX), dtype=np.float32) / np.float32(255)
