"""Trains the FLAIR network and ships its encoder and segmentation decoder.

``python -m services.bms_flair_abnormality_segmentation.train --data FOLDER``
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from services.bms_flair_abnormality_segmentation.network import SliceSegmenter
from services.common.weights import save_weights
from services.flair.training import pooled_dice
from services.flair.training_command import Trained, run_training

WEIGHTS = Path(__file__).parent / "weights" / "bms_flair_abnormality_segmentation.safetensors"


def best_threshold(trained: Trained) -> tuple[float, float]:
    """Return the probability above which a pixel counts, and the pooled Dice behind the gate with it in validation."""
    gate = (trained.predictions.logits > 0)[:, None, None]
    truth = trained.validation.masks.astype(bool)
    scored = [
        (pooled_dice((trained.predictions.masks > threshold) & gate, truth), float(threshold))
        for threshold in np.geomspace(0.02, 0.8, 24)
    ]
    dice, threshold = max(scored)
    return threshold, dice


def ship(trained: Trained) -> str:
    """Choose the threshold on the validation patients and write the weights. Returns a sentence about both."""
    threshold, dice = best_threshold(trained)
    model = SliceSegmenter()
    model.encoder.load_state_dict(trained.network.encoder.state_dict())
    model.decoder.load_state_dict(trained.network.decoder.state_dict())
    model.threshold.copy_(torch.tensor(threshold))
    save_weights(model, WEIGHTS)
    return f"threshold {threshold:.2f} (validation Dice {dice:.4f}); weights in {WEIGHTS}"


if __name__ == "__main__":
    run_training("Train the FLAIR abnormality segmenter on the LGG MRI segmentation set.", ship)
