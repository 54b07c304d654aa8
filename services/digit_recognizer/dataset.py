"""Training data: MNIST from its idx files, synthetic pictures kept on disk, and augmentation of whole batches."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from services.common.training import UnusableDataset, write_atomically
from services.digit_recognizer.preprocess import preprocess
from services.digit_recognizer.synthetic import digit_picture, other_picture

HELD_OUT = 5_000  # the last digits of MNIST's training set, never trained on: validation and temperature
CHUNK = 500
NO_DIGIT = -1


class Digits(NamedTuple):
    """Pictures uint8 (n, 28, 28) in MNIST's form and their labels int64 (n,); -1 marks pictures without a digit."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]


def read_mnist(folder: Path, split: str) -> Digits:
    """Read MNIST's ``train`` or ``t10k`` split from its two idx .gz files in ``folder``.

    Raises UnusableDataset when they are missing or of another format.
    Source of the format: LeCun, Cortes and Burges, "The MNIST database".
    """
    arrays = []
    for name, magic, header in (("images-idx3", 2051, 16), ("labels-idx1", 2049, 8)):
        path = folder / f"{split}-{name}-ubyte.gz"
        if not path.is_file():
            raise UnusableDataset(f"{path} is missing: the data folder needs mnist/ with MNIST's four idx .gz files.")
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableDataset(f"{path} cannot be read as a gzip file: {error}.") from error
        if int.from_bytes(content[:4], "big") != magic:
            raise UnusableDataset(f"{path} is not an idx file of MNIST: its magic number is not {magic}.")
        arrays.append(np.frombuffer(content[header:], dtype=np.uint8))
    pictures, labels = arrays
    if not len(labels) or len(pictures) != 28 * 28 * len(labels):
        raise UnusableDataset(
            f"{folder} holds {len(labels)} labels and {len(pictures)} bytes of pictures in its {split} files: "
            "MNIST has 28 x 28 bytes for each label."
        )
    return Digits(pictures.reshape(-1, 28, 28), labels.astype(np.int64))


def sources_digest() -> str:
    """Return a digest of the code that makes synthetic pictures: when it changes, cached ones are made again."""
    here = Path(__file__).parent
    preprocessing = ("ink.py", "modes.py", "pieces.py", "placing.py", "preprocess.py")
    names = (*preprocessing, "glyphs.py", "strokes.py", "synthetic.py", "dataset.py")
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in names)).hexdigest()[:10]


def synthetic_digits(cache: Path, name: str, mnist: Digits, count: int, seed: int) -> Digits:
    """Return ``count`` synthetic pictures put through :func:`preprocess`, made once and cached under ``cache``.

    Of ten pictures four are MNIST digits inked again, four are pen paths and two hold no digit. They are kept in
    chunks, each written whole or not at all, so that a process that is killed loses at most one.
    """
    folder = cache / f"{name}-{seed}-{sources_digest()}"
    paths = [folder / f"{chunk:04d}.npz" for chunk in range((count + CHUNK - 1) // CHUNK)]
    missing = [chunk for chunk, path in enumerate(paths) if not path.exists()]
    # Chunks that an earlier run made are not counted as this one's work: they would make the estimated time too short.
    made_before = len(paths) - len(missing)
    for chunk in tqdm(missing, total=len(paths), initial=made_before, desc=f"pictures for {name}", mininterval=5):
        part = _render(mnist, min(CHUNK, count - chunk * CHUNK), np.random.default_rng([seed, chunk]))
        write_atomically(paths[chunk], partial(_save, part))
    parts = []
    for path in paths:
        with np.load(path) as kept:
            parts.append(Digits(kept["pictures"], kept["labels"]))
    pictures, labels = zip(*parts, strict=True)
    return Digits(np.concatenate(pictures), np.concatenate(labels))


def _save(part: Digits, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, pictures=part.pictures, labels=part.labels)


def _render(mnist: Digits, count: int, generator: np.random.Generator) -> Digits:
    pictures, labels = [], []
    for number in range(count):
        turn = number % 10
        if turn < 4:
            index = int(generator.integers(len(mnist.labels)))
            label = int(mnist.labels[index])
            picture = digit_picture(label, generator, mnist.pictures[index])
        elif turn < 8:
            label = int(generator.integers(10))
            picture = digit_picture(label, generator)
        else:
            label, picture = NO_DIGIT, other_picture(generator)
        pictures.append((preprocess(picture)[0] * 255).astype(np.uint8))
        labels.append(label)
    return Digits(np.stack(pictures), np.array(labels, dtype=np.int64))


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return ``(n, 1, 28, 28)`` float32 in 0..1."""
    return torch.tensor(pictures).unsqueeze(1).float() / 255


def augment(batch: torch.Tensor) -> torch.Tensor:
    """Return ``(n, 1, 28, 28)`` pictures, varied as handwriting and scans vary (with torch's generator).

    Rotates, slants, scales, moves and bends each picture (Simard et al., 2003), thickens or thins strokes, and adds
    what preprocessing can leave over: a piece of a ruled line, a fragment of other writing, grey or broken strokes.
    """
    count = batch.shape[0]
    warped = functional.grid_sample(batch, _grid(count), align_corners=False)
    choice = torch.rand(count, 1, 1, 1)
    amount = torch.rand(count, 1, 1, 1)
    thick = torch.lerp(warped, functional.max_pool2d(warped, 3, 1, 1), 0.8 * amount)
    thin = torch.lerp(warped, -functional.max_pool2d(-warped, 3, 1, 1), 0.45 * amount)
    warped = torch.where(choice < 0.15, thick, torch.where(choice > 0.88, thin, warped))
    blurred = functional.avg_pool2d(warped, 3, 1, 1, count_include_pad=False)
    warped = torch.where(torch.rand(count, 1, 1, 1) < 0.1, torch.lerp(warped, blurred, amount), warped)
    level = torch.where(torch.rand(count, 1, 1, 1) < 0.3, 0.6 + 0.6 * torch.rand(count, 1, 1, 1), 1.0)
    return _remains(warped * level).clamp(0, 1)


def _grid(count: int) -> torch.Tensor:
    turn, slant, flat = (torch.randn(count) * spread for spread in (0.12, 0.12, 0.05))
    wide, high = (torch.exp(torch.randn(count) * 0.09) for _ in range(2))
    x, y = (torch.randn(count) * 0.05 for _ in range(2))
    cosine, sine = torch.cos(turn), torch.sin(turn)
    top = torch.stack([wide * cosine, wide * (slant - sine), x], dim=1)
    bottom = torch.stack([high * (sine + flat), high * cosine, y], dim=1)
    grid = functional.affine_grid(torch.stack([top, bottom], dim=1), [count, 1, 28, 28], align_corners=False)
    bend = torch.randn(count, 2, 6, 6) * (0.05 * torch.rand(count, 1, 1, 1))
    bend = functional.interpolate(bend, size=(28, 28), mode="bicubic", align_corners=True)
    return grid + bend.permute(0, 2, 3, 1)


def _remains(batch: torch.Tensor) -> torch.Tensor:
    """Add a piece of a line, or a spot near the edge, to some pictures, and cut a gap into some."""
    for index in torch.flatten(torch.nonzero(torch.rand(batch.shape[0]) < 0.12)).tolist():
        kind = int(torch.randint(3, ()))
        row, column = torch.randint(2, 26, (2,)).tolist()
        if kind == 0:
            length = int(torch.randint(3, 9, ()))
            start = int(torch.randint(0, 28 - length, ()))
            piece = batch[index, 0, row : row + 1, start : start + length]
            piece.copy_(torch.maximum(piece, torch.rand(()) * 0.8))
        elif kind == 1:
            row = row if torch.rand(()) < 0.5 else int(torch.randint(0, 2, ())) * 25
            column = column if row in (0, 25) else int(torch.randint(0, 2, ())) * 25
            batch[index, 0, row : row + 3, column : column + 3] += torch.rand(3, 3)
        else:
            batch[index, 0, row : row + 2, column : column + 2] *= torch.rand(())
    return batch
