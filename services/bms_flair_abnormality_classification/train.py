"""Trains the FLAIR network and ships its encoder and classification head.

``python -m services.bms_flair_abnormality_classification.train --data FOLDER``
"""

from __future__ import annotations

from pathlib import Path

import torch

from services.bms_flair_abnormality_classification.network import SliceClassifier
from services.common.weights import save_weights
from services.flair.evaluation import answers
from services.flair.training_command import Trained, fit_temperature, run_training

WEIGHTS = Path(__file__).parent / "weights" / "bms_flair_abnormality_classification.safetensors"


def ship(trained: Trained) -> str:
    """Calibrate on the validation patients and write the weights. Returns a sentence about both."""
    model = SliceClassifier()
    model.encoder.load_state_dict(trained.network.encoder.state_dict())
    model.head.load_state_dict(trained.network.head.state_dict())
    temperature = fit_temperature(answers(model.eval(), trained.validation.pixels), trained.validation.labels)
    model.temperature.copy_(torch.tensor(temperature))
    save_weights(model, WEIGHTS)
    return f"temperature {temperature:.3f}; weights in {WEIGHTS}"


if __name__ == "__main__":
    run_training("Train the FLAIR abnormality classifier on the LGG MRI segmentation set.", ship)
