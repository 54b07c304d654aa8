"""Serves the classifier: a slice to ``{"label": "abnormality" | "no_abnormality", "score": probability of it}``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from services.bms_flair_abnormality_classification.network import SliceClassifier
from services.bms_flair_abnormality_classification.preprocess import prepare_slice
from services.common.image_handler import ImageHandler
from services.common.memory_format import channels_last

ABNORMAL = "abnormality"
NORMAL = "no_abnormality"


class FlairClassificationHandler(ImageHandler):
    """Input: pre-contrast, FLAIR and post-contrast as red, green and blue; a grey picture is taken as FLAIR."""

    draft_size = (256, 256)

    def build(self) -> nn.Module:
        return channels_last(SliceClassifier())

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return prepare_slice(image)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(batch.to(memory_format=torch.channels_last))
        return logits.unsqueeze(1)

    def answer(self, row: NDArray[np.float32]) -> dict[str, Any]:
        probability = 1.0 / (1.0 + math.exp(-float(row[0])))
        abnormal = probability >= 0.5
        score = probability if abnormal else 1.0 - probability
        return {"label": ABNORMAL if abnormal else NORMAL, "score": round(score, 6)}
