"""Draws MRI-like phantom slices: a head, a brain with ventricles and, in some, a lesion that is bright in FLAIR.

They are not scans and come from no patient. With them, everything but training can be tried without data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float64]

SIDE = 256
MASK_LEVEL = 0.5
"""A pixel belongs to the drawn lesion where its soft edge is above this."""

README = """# Sample slices

These pictures are synthetic: `python -m services.samples` drew them from ellipses, noise and a fixed seed. They are no
scans and come from no patient. Red, green and blue are pre-contrast, FLAIR and post-contrast; `lesion_*` have a blob
that is bright in FLAIR, `normal_*` have none.
"""


@dataclass(frozen=True)
class Lesion:
    """A blob at ``x``, ``y`` (pixels from the head's centre) of about ``radius`` pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Phantom:
    """One slice: its seed, the brain's half axes in pixels, the ventricles' size, and a lesion or none."""

    name: str
    seed: int
    half_width: float
    half_height: float
    ventricles: float
    lesion: Lesion | None = None


PHANTOMS = (
    Phantom("normal_1", 11, 60, 78, 1.0),
    Phantom("normal_2", 12, 64, 80, 0.7),
    Phantom("normal_3", 13, 57, 74, 0.4),
    Phantom("lesion_1", 21, 61, 79, 0.9, Lesion(-28, -30, 17)),
    Phantom("lesion_2", 22, 63, 80, 0.8, Lesion(30, 14, 21)),
    Phantom("lesion_3", 23, 58, 76, 0.7, Lesion(-26, 28, 14)),
)


def render(phantom: Phantom) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return uint8 (256, 256, 3) of (pre-contrast, FLAIR, post-contrast), and the drawn lesion as (256, 256) bool."""
    noise = np.random.default_rng(phantom.seed)
    down, right = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    x, y = right - SIDE / 2 + noise.normal(0, 2), down - SIDE / 2 + noise.normal(0, 2)
    angle = np.arctan2(y / phantom.half_height, x / phantom.half_width)
    bumps = sum(noise.normal(0, 0.006) * np.cos(k * angle + noise.uniform(0, 6)) for k in range(2, 7))
    radius = np.hypot(x / phantom.half_width, y / phantom.half_height) * (1 + bumps)

    brain = _edge(0.985 - radius, 0.02)
    scalp = _edge(radius - 1.09, 0.02) * _edge(1.17 - radius, 0.02)
    folds = _texture(noise, 5.0)
    # The halves of a brain look much alike: tissue that is brighter on one side only would be a finding.
    paired = (folds + folds[:, ::-1]) / 2
    white = _edge(0.74 - radius + 0.05 * paired, 0.12)
    wave = np.cos(26 * np.abs(angle) + 1.5 * paired)
    sulci = brain * _edge(radius - 0.84, 0.08) * _edge(wave - 0.72, 0.3)
    midline = np.exp(-((x / 1.4) ** 2)) * brain * _edge(np.abs(y) / phantom.half_height - 0.3, 0.05)
    fluid = np.maximum.reduce([_ventricles(x, y, phantom.ventricles), 0.85 * sulci, 0.6 * midline])

    tissue = {"pre": 50 + 9 * white, "flair": 62 - 7 * white, "post": 54 + 9 * white}
    dark = {"pre": 18.0, "flair": 12.0, "post": 18.0}
    bright = {"pre": 92.0, "flair": 78.0, "post": 100.0}
    lesion = _lesion(phantom.lesion, x, y, noise) * brain
    change = {"pre": -12.0, "flair": 82.0, "post": -10.0}
    grain = _texture(noise, 1.2)
    channels = []
    for name in ("pre", "flair", "post"):
        values = brain * (tissue[name] * (1 + 0.02 * paired) * (1 - fluid) + dark[name] * fluid)
        values += lesion * (change[name] + (tissue[name] - values) * 0.6) * (0.93 + 0.07 * folds)
        values += scalp * bright[name] * (1 + 0.15 * folds) + 2.0 * np.abs(grain) * (radius < 1.3) + 1.0
        channels.append(values + noise.normal(0, 1.2, values.shape))
    pixels = np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)
    smooth = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7))
    return np.asarray(smooth), lesion > MASK_LEVEL


def render_all(folder: Path) -> list[Path]:
    """Write every phantom and their README into ``folder``/flair. Returns the pictures' paths."""
    folder = folder / "flair"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for phantom in PHANTOMS:
        path = folder / f"{phantom.name}.png"
        Image.fromarray(render(phantom)[0]).save(path, optimize=True)
        written.append(path)
    (folder / "README.md").write_text(README)
    return written


def _edge(distance: Floats, width: float) -> Floats:
    """Return 0 far below zero, 1 far above, softly in between."""
    soft: Floats = 1 / (1 + np.exp(-np.clip(distance / (width / 4), -40, 40)))
    return soft


def _texture(noise: np.random.Generator, scale: float) -> Floats:
    """Return smooth noise of unit variance whose blobs are about ``scale`` pixels wide."""
    rough = Image.fromarray(noise.normal(128, 40, (SIDE, SIDE)).clip(0, 255).astype(np.uint8))
    values = np.asarray(rough.filter(ImageFilter.GaussianBlur(scale)), dtype=np.float64)
    result: Floats = (values - values.mean()) / values.std()
    return result


def _ventricles(x: Floats, y: Floats, size: float) -> Floats:
    """Return two horns beside the midline, as a picture from 0 to 1."""
    horns = [
        _edge(1 - np.hypot((np.abs(x) - 9 - 0.16 * np.abs(y - shift)) / (5.5 * size), (y - shift) / (17 * size)), 0.3)
        for shift in (-12.0, 14.0)
    ]
    both: Floats = np.maximum(*horns)
    return both


def _lesion(lesion: Lesion | None, x: Floats, y: Floats, noise: np.random.Generator) -> Floats:
    """Return the lesion as a picture from 0 to 1, with an uneven outline."""
    if lesion is None:
        return np.zeros_like(x)
    angle = np.arctan2(y - lesion.y, x - lesion.x)
    outline = 1 + sum(noise.normal(0, 0.07) * np.cos(k * angle + noise.uniform(0, 6)) for k in range(2, 6))
    return _edge(1 - np.hypot(x - lesion.x, y - lesion.y) / (lesion.radius * outline), 0.25)
