"""The command line of both FLAIR trainers: they share one run, and each writes its own part of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.training import UnusableDataset
from services.flair.dataset import Slices, patient_folders, read_slices, split_patients
from services.flair.network import FlairNetwork
from services.flair.training import Predictions, predict, train_network


@dataclass(frozen=True)
class Trained:
    """The trained network and its predictions for the validation patients, for calibration."""

    network: FlairNetwork
    validation: Slices
    predictions: Predictions


def run_training(purpose: str, ship: Callable[[Trained], str], arguments: Sequence[str] | None = None) -> None:
    """Train the joint network, or load it where it is trained. ``ship`` writes the weights and returns a sentence."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds lgg/")
    parser.add_argument("--runs", type=Path, default=Path("training-runs/flair"), help="checkpoints and curves")
    parser.add_argument("--coarse-epochs", type=int, default=12, help="epochs at 128 px")
    parser.add_argument("--fine-epochs", type=int, default=8, help="epochs at 256 px")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 takes all cores")
    given = parser.parse_args(arguments)
    try:
        network = train_network(
            given.data,
            given.runs,
            coarse_epochs=given.coarse_epochs,
            fine_epochs=given.fine_epochs,
            threads=given.threads,
        )
        folders = patient_folders(given.data)
        validation = read_slices([folders[name] for name in split_patients(list(folders)).validation])
    except UnusableDataset as error:
        sys.exit(str(error))
    print(ship(Trained(network, validation, predict(network, validation))))


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.bool_]) -> float:
    """Return the temperature that minimises the validation cross-entropy, by search over 0.25 to 8 in 1 % steps.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    candidates = np.geomspace(0.25, 8.0, 349)
    signs = np.where(labels, 1.0, -1.0)
    losses = [np.logaddexp(0.0, -signs * logits / candidate).mean() for candidate in candidates]
    return float(candidates[int(np.argmin(losses))])
