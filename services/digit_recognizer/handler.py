"""What TorchServe runs: one picture in, ``{"digit": 7, "score": 0.998}`` out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from services.common.image_handler import ImageHandler
from services.digit_recognizer.network import DigitNetwork
from services.digit_recognizer.preprocess import preprocess


class DigitHandler(ImageHandler):
    """Answers the digit and the calibrated probability (0..1) that it is right: a low one where there is no digit."""

    # More than the side that preprocessing reads at, so that a small digit on a large page keeps its strokes.
    draft_size = (1024, 1024)
    model: DigitNetwork

    def build(self) -> DigitNetwork:
        return DigitNetwork()

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return preprocess(image)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model.probabilities(batch)

    def answer(self, row: NDArray[np.float32]) -> dict[str, Any]:
        digit = int(row.argmax())
        return {"digit": digit, "score": round(float(row[digit]), 6)}
