"""Makes the weights: ``python -m services.image_brightness.train``. A real model trains here."""

from __future__ import annotations

from pathlib import Path

from services.common.weights import save_weights
from services.image_brightness.network import BrightnessNetwork

WEIGHTS = Path(__file__).parent / "weights" / "image_brightness.safetensors"

if __name__ == "__main__":
    save_weights(BrightnessNetwork(), WEIGHTS)
    print(WEIGHTS)
