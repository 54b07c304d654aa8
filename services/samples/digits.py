"""Render the sample photographs of digits: ``python -m services.samples.digits --out samples``.

Everything is drawn by code from a fixed seed: no person's handwriting and no data set is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from services.digit_recognizer.strokes import digit, draw
from services.digit_recognizer.synthetic import photograph

SEED = 20_260
PNG_SIDE = 148  # pixels of the longer side: grainy paper stays under 40 KB
JPEG_SIDE = 420
PHOTOS = (7, 3, 5, 2)  # also sent as JPEG, as a phone would

README = """# Sample digits

These pictures are synthetic: `python -m services.samples.digits` drew them from pen paths, paper, light and a
fixed seed. They show no person's handwriting and come from no data set. `digit_7.png` shows a 7, `photo_7.jpg`
another one as a phone would send it.
"""


def sample(number: int, side: int, generator: np.random.Generator) -> Image.Image:
    """Return a photograph (RGB) of the digit ``number`` on paper, its longer side at most ``side`` pixels."""
    size = round(side * generator.uniform(0.45, 0.65))
    ink = draw(digit(number, generator), size, size * generator.uniform(0.05, 0.09), generator)
    picture = photograph(ink, generator, share=generator.uniform(0.55, 0.8))
    picture.thumbnail((side, side), Image.Resampling.BOX)
    return picture


def render(folder: Path) -> list[Path]:
    """Write all samples and their README into ``folder``/digits. Returns the pictures' paths."""
    folder = folder / "digits"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(10):
        path = folder / f"digit_{number}.png"
        # 64 colours are plenty for ink on paper, and a third of the bytes.
        picture = sample(number, PNG_SIDE, np.random.default_rng([SEED, number]))
        picture.quantize(64).convert("RGB").save(path, optimize=True)
        written.append(path)
    for number in PHOTOS:
        path = folder / f"photo_{number}.jpg"
        sample(number, JPEG_SIDE, np.random.default_rng([SEED, 100 + number])).save(path, quality=85)
        written.append(path)
    (folder / "README.md").write_text(README)
    return written


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m services.samples.digits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("samples"), help="folder to write digits/ into (samples)")
    for path in render(parser.parse_args(arguments).out):
        print(path)


if __name__ == "__main__":
    main()
