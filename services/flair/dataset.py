"""The LGG MRI segmentation set: reading, splitting by patient, and augmenting on the fly.

Source: Buda, Saha and Mazurowski, "Association of genomic subtypes of lower-grade gliomas with shape features
automatically extracted by a deep learning algorithm", Computers in Biology and Medicine, 2019.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from services.common.training import UnusableDataset
from services.flair.slice_files import read_slice
from services.flair.slices import MEAN, SIDE, STD, to_rgb

SPLIT_SEED = 20190601
VALIDATION_PATIENTS = 12
TEST_PATIENTS = 12
_SLICE = re.compile(r"(?P<patient>.+)_(?P<index>[0-9]+)\.(?:webp|tif|png)")


@dataclass(frozen=True)
class Split:
    """Patient names of the three disjoint parts."""

    training: list[str]
    validation: list[str]
    test: list[str]


@dataclass(frozen=True)
class Slices:
    """``pixels`` uint8 (N, 3, 256, 256), ``masks`` uint8 (N, 256, 256) of 0 and 1, ``patients`` (N,) names."""

    pixels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    patients: NDArray[np.str_]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """(N,) bool: whether the slice shows any abnormality."""
        return np.asarray(self.masks.any(axis=(1, 2)))


def patient_folders(data: Path) -> dict[str, Path]:
    """Return the patients' folders under ``data``/lgg by name. Raises UnusableDataset when there are none."""
    root = data / "lgg"
    found = {folder.name: folder for folder in sorted(root.glob("TCGA_*")) if folder.is_dir()}
    if not found:
        raise UnusableDataset(
            f"No patients under {root}. Expected {root}/<patient>/<patient>_<slice>.webp (or .tif) "
            "(.png too) and <patient>_<slice>_mask.png (or .tif), as the LGG MRI segmentation set ships them."
        )
    return found


def split_patients(names: list[str]) -> Split:
    """Split by patient, never by slice: seeded, 12 for validation, 12 for test, the rest for training."""
    order = [sorted(names)[i] for i in np.random.default_rng(SPLIT_SEED).permutation(len(names))]
    held_out = VALIDATION_PATIENTS + TEST_PATIENTS
    return Split(
        training=sorted(order[held_out:]),
        validation=sorted(order[:VALIDATION_PATIENTS]),
        test=sorted(order[VALIDATION_PATIENTS:held_out]),
    )


def read_slices(folders: list[Path]) -> Slices:
    """Read all slices of the patients' ``folders``, in the order of the slices' numbers.

    Raises UnusableDataset when there are none, or when a slice or its mask cannot be read.
    """
    pixels, masks, patients = [], [], []
    for folder in folders:
        matches = [match for path in folder.iterdir() if (match := _SLICE.fullmatch(path.name))]
        for match in sorted(matches, key=lambda found: int(found["index"])):
            name = match.string
            if name.rsplit(".", 1)[0].endswith("_mask"):
                continue
            stem, extension = name.rsplit(".", 1)
            mask_path = folder / f"{stem}_mask.{'tif' if extension == 'tif' else 'png'}"
            try:
                image = read_slice(folder / name)
                with Image.open(mask_path) as mask:
                    if image.size != (SIDE, SIDE) or mask.size != (SIDE, SIDE):
                        raise UnusableDataset(
                            f"{folder / name} and its mask {mask_path.name} must have {SIDE} x {SIDE} pixels."
                        )
                    pixels.append(np.asarray(to_rgb(image), dtype=np.uint8).transpose(2, 0, 1))
                    masks.append((np.asarray(mask.convert("L")) > 127).astype(np.uint8))
            except OSError as error:
                raise UnusableDataset(
                    f"{folder / name} or its mask {mask_path.name} cannot be read: {error}."
                ) from error
            patients.append(folder.name)
    if not pixels:
        raise UnusableDataset(f"There are no slices of the {len(folders)} patients that are needed here.")
    return Slices(np.stack(pixels), np.stack(masks), np.array(patients))


def training_batches(slices: Slices, *, side: int, batch: int, positives: float) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield the augmented batches of one epoch: inputs (B, 3, side, side), masks (B, 1, side, side), labels (B,).

    ``positives`` is the share of slices with an abnormality, which are drawn more often than they occur. Draws
    from NumPy's and torch's global generators, whose states the checkpoints hold.
    """
    labels = slices.labels
    with_finding, without = np.flatnonzero(labels), np.flatnonzero(~labels)
    steps = epoch_steps(slices, batch)
    count = steps * batch
    wanted = int(count * positives)
    chosen = np.concatenate(
        [
            np.resize(np.random.permutation(with_finding), wanted),
            np.resize(np.random.permutation(without), count - wanted),
        ]
    )
    np.random.shuffle(chosen)
    for start in range(0, count, batch):
        index = chosen[start : start + batch]
        pixels = torch.from_numpy(slices.pixels[index]).float() / 255.0
        masks = torch.from_numpy(slices.masks[index]).float().unsqueeze(1)
        yield augment(pixels, masks, side)


def epoch_steps(slices: Slices, batch: int) -> int:
    """Return the batches per epoch: as many as all slices fill; the last partial batch is left out."""
    return len(slices.pixels) // batch


def augment(pixels: torch.Tensor, masks: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vary geometry (flip, rotation, scale, shear, bend) and intensity (gain, gamma, noise, blur, missing sequences).

    ``pixels`` (B, 3, 256, 256) in 0..1 and ``masks`` (B, 1, 256, 256); returns normalised inputs and binary masks
    of ``side`` pixels and the (B,) labels of what is still inside the picture.
    """
    count = len(pixels)
    angle = torch.randn(count) * 0.2
    scale = torch.exp(torch.randn(count, 2) * 0.08 + torch.randn(count, 1) * 0.1)
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    shear = torch.randn(count) * 0.05
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = flip * torch.cos(angle) * scale[:, 0]
    theta[:, 0, 1] = (-torch.sin(angle) + shear) * scale[:, 0]
    theta[:, 1, 0] = flip * torch.sin(angle) * scale[:, 1]
    theta[:, 1, 1] = torch.cos(angle) * scale[:, 1]
    theta[:, :, 2] = torch.randn(count, 2) * 0.06
    grid = functional.affine_grid(theta, [count, 1, side, side], align_corners=False)
    bend = functional.interpolate(torch.randn(count, 2, 5, 5) * 0.025, size=(side, side), mode="bicubic")
    grid = grid + bend.permute(0, 2, 3, 1) * (torch.rand(count, 1, 1, 1) < 0.6)
    stacked = torch.cat([pixels, masks], dim=1)
    if side < SIDE:
        # Averaged first: sampling every second pixel alone would alias.
        stacked = functional.avg_pool2d(stacked, SIDE // side)
    moved = functional.grid_sample(stacked, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    values, mask = moved[:, :3].clamp(0, 1), (moved[:, 3:] > 0.5).float()

    gamma = torch.exp(torch.randn(count, 3, 1, 1) * 0.12 + torch.randn(count, 1, 1, 1) * 0.12)
    gain = torch.exp(torch.randn(count, 3, 1, 1) * 0.1 + torch.randn(count, 1, 1, 1) * 0.12)
    values = (values + 1e-6).pow(gamma) * gain
    noise = torch.rand(count, 1, 1, 1) * 0.02 * (torch.rand(count, 1, 1, 1) < 0.4)
    values = values + torch.randn_like(values) * noise
    blurred = functional.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)
    values = torch.where(torch.rand(count, 1, 1, 1) < 0.1, blurred, values)
    # Where a sequence is missing, the set repeats FLAIR (channel 1). This does the same to some slices, to one sequence
    # or to both; with both, the picture is grey.
    draw = torch.rand(count)
    for channel, (low, high) in ((0, (0.0, 0.12)), (2, (0.06, 0.18))):
        missing = (draw >= low) & (draw < high)
        values[missing, channel] = values[missing, 1]
    mean, std = torch.from_numpy(MEAN).view(1, 3, 1, 1), torch.from_numpy(STD).view(1, 3, 1, 1)
    labels = (mask.sum(dim=(1, 2, 3)) >= max(1.0, math.ceil(8 * (side / SIDE) ** 2))).float()
    return (values.clamp(0, 1) - mean) / std, mask, labels
