"""Seeded photographs of pen on paper, and screenshots: MNIST's digits inked again, pen paths, and non-digits.

Pictures vary more than a camera's would, on purpose: a model that is trained on them must not depend on one paper,
pen or light.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageFont
from PIL import ImageDraw as Draw

from services.digit_recognizer import strokes
from services.digit_recognizer.strokes import Generator

Floats = NDArray[np.float32]

PENS = {
    "blue": (38, 58, 150),
    "black": (35, 34, 38),
    "pencil": (105, 104, 106),
    "red": (185, 40, 45),
    "green": (30, 110, 70),
}
PAPERS = ((238, 236, 230), (226, 222, 212), (245, 245, 243), (214, 206, 180), (200, 204, 208), (176, 170, 160))


def re_ink(digit: NDArray[np.uint8], size: int, generator: Generator) -> Floats:
    """Return an MNIST digit (28, 28) drawn again at ``size`` pixels with a pen's sharp edge: ink 0..1, (size, size)."""
    image = Image.fromarray(digit[2:26, 2:26]).resize((size, size), Image.Resampling.BICUBIC)
    image = image.filter(ImageFilter.GaussianBlur(size / 60))
    values = np.asarray(image, dtype=np.float32) / 255
    level = generator.uniform(0.3, 0.6) * min(1.0, float(values.max()) / 0.8)
    edge = generator.uniform(0.05, 0.2)
    ink: Floats = np.clip((values - level) / edge + 0.5, 0, 1)
    return ink


def _smooth_noise(height: int, width: int, cells: int, generator: Generator) -> Floats:
    """Return noise of about unit spread that varies over ``1 / cells`` of the picture."""
    coarse = Image.fromarray(generator.normal(0, 1, (cells + 1, cells + 1)).astype(np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def _light(height: int, width: int, generator: Generator) -> Floats:
    """Return the light on the paper: a gradient, a slow unevenness and sometimes a shadow with an edge."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = generator.uniform(0, 2 * np.pi)
    slope = generator.uniform(0, 0.3)
    light = 1 - slope * (1 + np.cos(angle) * columns + np.sin(angle) * rows) / 2
    light = light * (1 + generator.uniform(0, 0.06) * _smooth_noise(height, width, 3, generator))
    if generator.random() < 0.35:
        angle, offset = generator.uniform(0, 2 * np.pi), generator.uniform(-0.6, 0.6)
        bend = generator.uniform(0, 0.2) * _smooth_noise(height, width, 3, generator)
        side = np.cos(angle) * columns + np.sin(angle) * rows + bend - offset
        light = light * (1 - generator.uniform(0.15, 0.5) / (1 + np.exp(-side / generator.uniform(0.02, 0.25))))
    fallen: Floats = np.clip(light * generator.uniform(0.75, 1.05), 0.1, 1.1).astype(np.float32)
    return fallen


def _rule(page: Floats, generator: Generator, spacing: float) -> None:
    """Print ruled lines, squares or a margin on ``page`` (height, width, 3), in place."""
    height, width = page.shape[:2]
    layer = Image.new("L", (width, height))
    pen = Draw.Draw(layer)
    thickness = max(1, round(max(height, width) / generator.uniform(120, 350)))
    tilt = generator.normal(0, 0.02)
    kind = generator.random()
    for position in np.arange(generator.uniform(0, spacing), height, spacing):
        pen.line((0, position, width, position + tilt * width), fill=255, width=thickness)
    if kind < 0.3:
        for position in np.arange(generator.uniform(0, spacing), width, spacing):
            pen.line((position, 0, position - tilt * height, height), fill=255, width=thickness)
    colour = np.array([(150, 180, 220), (170, 170, 175), (130, 160, 200), (160, 200, 190)][generator.integers(4)])
    cover = np.asarray(layer, dtype=np.float32)[..., None] / 255 * generator.uniform(0.3, 0.95)
    page *= 1 - cover * (1 - colour.astype(np.float32) / 255)
    if kind > 0.8:
        layer = Image.new("L", (width, height))
        position = generator.uniform(0.03, 0.15) * width
        Draw.Draw(layer).line((position, 0, position - tilt * height, height), fill=255, width=thickness)
        cover = np.asarray(layer, dtype=np.float32)[..., None] / 255
        page *= 1 - cover * (1 - np.array([220, 110, 120], dtype=np.float32) / 255)


def _place(ink: Floats, layer: Floats, row: int, column: int) -> None:
    """Draw ``ink`` on ``layer``, in place, with its corner at ``row``, ``column``, which may lie outside of it."""
    height, width = layer.shape
    top, left = max(0, row), max(0, column)
    bottom, right = min(height, row + ink.shape[0]), min(width, column + ink.shape[1])
    if bottom > top and right > left:
        part = ink[top - row : bottom - row, left - column : right - column]
        layer[top:bottom, left:right] = np.maximum(layer[top:bottom, left:right], part)


def _neighbours(layer: Floats, size: int, row: int, column: int, generator: Generator) -> None:
    """Draw parts of other digits at the picture's edges, at a distance from the digit."""
    height, width = layer.shape
    for _ in range(int(generator.integers(1, 3))):
        other = strokes.draw(
            strokes.digit(int(generator.integers(10)), generator), size, max(1.5, size / 18), generator
        )
        seen = round(size * generator.uniform(0.08, 0.4))
        gap = round(0.12 * size)
        places = []
        if column - gap > seen:
            places.append((row + round(generator.normal(0, 0.1) * size), seen - size))
        if width - (column + size) - gap > seen:
            places.append((row + round(generator.normal(0, 0.1) * size), width - seen))
        if row - gap > seen:
            places.append((seen - size, column + round(generator.normal(0, 0.4) * size)))
        if height - (row + size) - gap > seen:
            places.append((height - seen, column + round(generator.normal(0, 0.4) * size)))
        if places:
            place = places[int(generator.integers(len(places)))]
            _place(other, layer, *place)


def _finish(picture: Floats, generator: Generator) -> Image.Image:
    """Blur, add the camera's noise and compress."""
    image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    if generator.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, max(0.5, max(image.size) / 220))))
    shape = (image.height, image.width)
    noise = generator.uniform(0, 7) * generator.standard_normal((*shape, 1), dtype=np.float32)
    noise = noise + generator.uniform(0, 3) * generator.standard_normal((*shape, 3), dtype=np.float32)
    image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if generator.random() < 0.6:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(generator.integers(40, 96)))
        image = Image.open(buffer)
        image.load()
    return image


def photograph(ink: Floats, generator: Generator, *, share: float | None = None) -> Image.Image:
    """Return an RGB photograph of ``ink`` (0..1, (size, size)) on paper.

    ``share`` is the part of the picture's shorter side that the ink's square takes, by default 0.2 to 0.9.
    """
    size = ink.shape[0]
    share = generator.uniform(0.2, 0.9) ** 0.8 if share is None else share
    shorter = max(size + 4, min(480, round(size / share)))
    longer = round(shorter * generator.uniform(1.0, 1.5))
    height, width = (shorter, longer) if generator.random() < 0.5 else (longer, shorter)
    layer = np.zeros((height, width), dtype=np.float32)
    spread = generator.uniform(0, 0.8)
    row = round((height - size) * (0.5 + spread * generator.uniform(-0.5, 0.5)))
    column = round((width - size) * (0.5 + spread * generator.uniform(-0.5, 0.5)))
    _place(ink, layer, row, column)
    if generator.random() < 0.3:
        _neighbours(layer, size, row, column, generator)

    page = np.ones((height, width, 3), dtype=np.float32)
    page *= np.array(PAPERS[generator.integers(len(PAPERS))], dtype=np.float32) / 255
    grain = generator.uniform(0, 0.02) * generator.standard_normal((height, width), dtype=np.float32)
    grain += generator.uniform(0, 0.025) * _smooth_noise(height, width, int(generator.integers(8, 60)), generator)
    page *= 1 + grain[..., None]
    if generator.random() < 0.4:
        _rule(page, generator, max(8.0, size * generator.uniform(0.35, 1.6)))
    name = list(PENS)[generator.choice(len(PENS), p=(0.42, 0.36, 0.1, 0.07, 0.05))]
    colour = np.clip(np.array(PENS[name]) + generator.normal(0, 12, 3), 0, 255).astype(np.float32) / 255
    patchy = 1 - generator.uniform(0, 0.35) * np.clip(_smooth_noise(height, width, 40, generator), 0, 1.5)
    cover = (layer * np.clip(patchy, 0.3, 1) * generator.uniform(0.75, 1.0))[..., None]
    page = page * (1 - cover) + page * colour * cover
    return _finish(page * _light(height, width, generator)[..., None], generator)


def screenshot(ink: Floats, generator: Generator) -> Image.Image:
    """Return a drawing made on a screen: flat colours, light on dark or dark on light, sometimes transparent."""
    size = ink.shape[0]
    height, width = (max(size + 2, round(size * generator.uniform(1.05, 2.2))) for _ in range(2))
    layer = np.zeros((height, width), dtype=np.float32)
    _place(ink, layer, int(generator.integers(height - size + 1)), int(generator.integers(width - size + 1)))
    dark = generator.integers(0, 70, 3) if generator.random() < 0.6 else np.zeros(3)
    light = generator.integers(190, 256, 3) if generator.random() < 0.5 else np.full(3, 255)
    paper, pen = (light, dark) if generator.random() < 0.5 else (dark, light)
    if generator.random() < 0.2:
        colour = Image.new("RGB", (width, height), tuple(int(value) for value in pen))
        colour.putalpha(Image.fromarray((layer * 255).astype(np.uint8)))
        return colour
    flat = paper * (1 - layer[..., None]) + pen * layer[..., None]
    return Image.fromarray(flat.astype(np.uint8))


def _capture(ink: Floats, generator: Generator) -> Image.Image:
    return screenshot(ink, generator) if generator.random() < 0.2 else photograph(ink, generator)


def _size_and_pen(generator: Generator) -> tuple[int, float]:
    size = int(generator.integers(48, 150))
    return size, max(1.6, size * float(np.exp(generator.uniform(np.log(0.025), np.log(0.13)))))


def digit_picture(number: int, generator: Generator, mnist: NDArray[np.uint8] | None = None) -> Image.Image:
    """Return a picture of the digit ``number``: from pen paths, or from an MNIST digit (28, 28) inked again."""
    size, width = _size_and_pen(generator)
    if mnist is None:
        ink = strokes.draw(strokes.digit(number, generator), size, width, generator)
    else:
        ink = re_ink(mnist, size, generator)
    return _capture(ink, generator)


def _printed_letter(size: int, generator: Generator) -> Floats:
    font = ImageFont.load_default(size * generator.uniform(0.6, 0.9))
    canvas = Image.new("L", (size, size))
    sign = "AEFHKMNRVWXYadhkmnrtvwx@#&%?+=*"[generator.integers(31)]
    Draw.Draw(canvas).text((size / 2, size / 2), sign, fill=255, font=font, anchor="mm")
    return np.asarray(canvas.rotate(generator.normal(0, 6)), dtype=np.float32) / np.float32(255)


def other_picture(generator: Generator) -> Image.Image:
    """Return a picture without a digit: a letter, a shape, a scribble, blank paper or plain noise."""
    size, width = _size_and_pen(generator)
    kind = generator.random()
    if kind < 0.5:
        ink = strokes.draw(strokes.letter(generator), size, width, generator)
    elif kind < 0.7:
        ink = _printed_letter(size, generator)
    elif kind < 0.85:
        ink = strokes.draw(strokes.scribble(generator), size, max(1.6, width / 2), generator)
    elif kind < 0.93:
        ink = np.zeros((size, size), dtype=np.float32)
    else:
        height, wide = (int(generator.integers(28, 200)) for _ in range(2))
        cells = int(generator.integers(2, 40))
        level = _smooth_noise(height, wide, cells, generator) * generator.uniform(20, 80) + generator.uniform(60, 200)
        return Image.fromarray(np.clip(level, 0, 255).astype(np.uint8))
    return _capture(ink, generator)
