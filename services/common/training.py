"""Resumable training: atomic checkpoints, averaged weights and a warm-up cosine schedule.

Every trainer under ``services/`` runs its epochs through :class:`TrainingRun`, so that a process that is killed
loses at most the current epoch.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm


class UnusableDataset(Exception):
    """A file of the data set is missing or is something else; the message says what is expected where."""


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """Return the CUDA device where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def warmup_cosine(total_steps: int, warmup_steps: int, floor: float = 0.01) -> Callable[[int], float]:
    """Return the learning-rate factor per step: linear warm-up, then half a cosine down to ``floor``.

    Source: Loshchilov and Hutter, "SGDR", 2017 (a single cycle, without restarts).
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a sibling file, then rename it over ``path``: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    write(partial)
    with partial.open("rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(partial, path)


class TrainingRun:
    """Model, optimiser, schedule, averaged weights, random states and history of one training, saved after each epoch.

    ``folder/checkpoint.pt`` is the whole state; ``folder/history.json`` is the learning curve as data: a list
    with one ``{"epoch": int, <metric>: float, ...}`` per epoch.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        *,
        epochs: int,
        steps_per_epoch: int,
        learning_rate: float,
        weight_decay: float = 1e-2,
        warmup_epochs: float = 1.0,
        ema_decay: float = 0.998,
    ) -> None:
        self.folder = folder
        self.model = model
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, warmup_cosine(epochs * steps_per_epoch, max(1, int(warmup_epochs * steps_per_epoch)))
        )
        # use_buffers also averages the batch-norm statistics, which would otherwise belong to other weights.
        average = get_ema_multi_avg_fn(ema_decay)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        self.epoch = 0
        self.history: list[dict[str, float]] = []

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        """Restore the last checkpoint of ``folder``. Returns whether there was one."""
        if not self.checkpoint.exists():
            return False
        # weights_only=False: the file holds NumPy's and Python's random states; this class wrote it.
        state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.averaged.load_state_dict(state["averaged"])
        self.epoch = state["epoch"]
        self.history = state["history"]
        random.setstate(state["random"]["python"])
        np.random.set_state(state["random"]["numpy"])
        torch.set_rng_state(state["random"]["torch"])
        return True

    def save(self) -> None:
        """Write the whole state and the learning curve, each file whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "averaged": self.averaged.state_dict(),
            "epoch": self.epoch,
            "history": self.history,
            "random": {
                "python": random.getstate(),
                "numpy": np.random.get_state(),
                "torch": torch.get_rng_state(),
            },
        }
        write_atomically(self.checkpoint, lambda path: torch.save(state, path))
        write_atomically(
            self.folder / "history.json", lambda path: path.write_text(json.dumps(self.history, indent=1) + "\n")
        )

    def run(
        self,
        batches: Callable[[int], Iterable[Any]],
        loss: Callable[[nn.Module, Any], torch.Tensor],
        validate: Callable[[nn.Module], dict[str, float]],
    ) -> nn.Module:
        """Train from the last checkpoint to the last epoch and return the averaged model in evaluation mode.

        ``batches(epoch)`` yields ``steps_per_epoch`` batches, ``loss(model, batch)`` a scalar,
        ``validate(averaged_model)`` the metrics that go into the history and the progress bar.
        """
        if self.resume():
            tqdm.write(f"resumed {self.folder} at epoch {self.epoch} of {self.epochs}")
        while self.epoch < self.epochs:
            self.model.train()
            total = 0.0
            steps = tqdm(
                batches(self.epoch),
                total=self.steps_per_epoch,
                desc=f"epoch {self.epoch + 1}/{self.epochs}",
                mininterval=5,
            )
            for count, batch in enumerate(steps, start=1):
                value = loss(self.model, batch)
                self.optimizer.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                self.optimizer.step()
                self.schedule.step()
                self.averaged.update_parameters(self.model)
                total += float(value.detach())
                steps.set_postfix(loss=f"{total / count:.4f}", refresh=False)
            self.epoch += 1
            metrics = validate(self.averaged.module.eval())
            self.history.append({"epoch": self.epoch, "loss": total / max(1, self.steps_per_epoch), **metrics})
            tqdm.write("  ".join(f"{name} {value:.4f}" for name, value in self.history[-1].items()))
            self.save()
        return self.averaged.module.eval()
