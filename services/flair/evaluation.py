"""What both FLAIR evaluations share: the slices, the shipped models' answers, intervals, timing and pictures."""

from __future__ import annotations

import argparse
import copy
import io
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from services.common.folding import fold_batch_norms
from services.common.memory_format import channels_last
from services.common.metrics import Interval, bootstrap_interval
from services.common.training import UnusableDataset
from services.flair.dataset import Slices, patient_folders, read_slices, split_patients
from services.flair.slices import prepare_slice
from services.flair.training import normalise_batch

BATCH = 16

Table = NDArray[np.float64]
"""(N, columns): one row per slice or patient."""


@dataclass(frozen=True)
class Evaluation:
    """The slices of one part of the split, and the folder for pictures and plots."""

    part: str
    slices: Slices
    output: Path


def parse_evaluation(purpose: str, arguments: Sequence[str] | None = None) -> Evaluation:
    """Read the command line and the slices. Exits with a sentence when the data is missing or damaged."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds lgg/")
    parser.add_argument("--part", choices=("test", "validation"), default="test", help="patients to evaluate on")
    parser.add_argument("--output", type=Path, default=Path("training-runs/evaluation"), help="plots and pictures")
    given = parser.parse_args(arguments)
    try:
        folders = patient_folders(given.data)
        names = getattr(split_patients(list(folders)), given.part)
        slices = read_slices([folders[name] for name in names])
    except UnusableDataset as error:
        sys.exit(str(error))
    given.output.mkdir(parents=True, exist_ok=True)
    print(f"{len(names)} {given.part} patients, {len(slices.pixels)} slices: {', '.join(names)}\n")
    return Evaluation(given.part, slices, given.output)


@torch.inference_mode()
def answers(model: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the served model's logits for uint8 (N, 3, 256, 256) ``pixels``, row by row."""
    model = channels_last(model)
    found = []
    for start in range(0, len(pixels), BATCH):
        inputs = torch.from_numpy(normalise_batch(pixels[start : start + BATCH]))
        found.append(model(inputs.to(memory_format=torch.channels_last)).numpy())
    return np.concatenate(found)


def as_jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> NDArray[np.uint8]:
    """Return the slices after JPEG compression of that quality: uint8 (N, 3, 256, 256)."""
    result = np.empty_like(pixels)
    for index, item in enumerate(pixels):
        content = io.BytesIO()
        Image.fromarray(item.transpose(1, 2, 0)).save(content, format="JPEG", quality=quality)
        result[index] = np.asarray(Image.open(content)).transpose(2, 0, 1)
    return result


def per_patient(patients: NDArray[np.str_], *columns: NDArray[np.generic]) -> dict[str, list[tuple[float, ...]]]:
    """Group the rows of ``columns``, one per slice, by patient, for bootstrapping over patients."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for patient, *values in zip(patients.tolist(), *(column.tolist() for column in columns), strict=True):
        rows.setdefault(patient, []).append(tuple(values))
    return rows


def interval(groups: Mapping[str, Sequence[tuple[float, ...]]], statistic: Callable[[Table], float]) -> Interval:
    """Return ``statistic`` of the (N, columns) array with its 95 % interval over patients."""
    return bootstrap_interval(groups, lambda rows: statistic(np.array(rows)), seed=0)


def shown(found: Interval) -> str:
    return f"{found.value:.4f} | {found.low:.4f} to {found.high:.4f}"


def measure_speed(model: nn.Module, pixels: NDArray[np.uint8], repeats: int = 60) -> str:
    """Return the time for one slice on one core, PNG decoding included, and the process's peak memory, as text."""
    model = channels_last(fold_batch_norms(copy.deepcopy(model)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    content = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(content, format="PNG")
    seconds = []
    with torch.inference_mode():
        for _ in range(repeats):
            begun = time.perf_counter()
            inputs = torch.from_numpy(prepare_slice(Image.open(io.BytesIO(content.getvalue()))))
            model(inputs.unsqueeze(0).to(memory_format=torch.channels_last))
            seconds.append(time.perf_counter() - begun)
    torch.set_num_threads(threads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    half, most = np.quantile(seconds[5:], [0.5, 0.95]) * 1000
    return f"one slice on one core: p50 {half:.1f} ms, p95 {most:.1f} ms; peak memory of this run {peak:.0f} MiB"


def draw_case(
    path: Path,
    pixels: NDArray[np.uint8],
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic] | None = None,
) -> None:
    """Write the plain FLAIR slice beside one with the outlines of the truth (green) and the prediction (red)."""
    flair = np.repeat(pixels[1][:, :, None], 3, axis=2)
    marked = flair.copy()
    for mask, colour in ((truth, (0, 220, 0)), (predicted, (255, 40, 40))):
        if mask is not None:
            marked[_outline(mask.astype(bool))] = colour
    Image.fromarray(np.concatenate([flair, marked], axis=1)).resize((1024, 512)).save(path)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = mask.copy()
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        inner &= np.roll(mask, shift, axis)
    outline: NDArray[np.bool_] = mask & ~inner
    return outline
