"""Serves the segmenter: a slice to ``{"mask": {"media_type", "data"}, "area"}``."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from services.bms_flair_abnormality_segmentation.network import SliceSegmenter
from services.bms_flair_abnormality_segmentation.preprocess import prepare_slice
from services.common.image_handler import ImageHandler
from services.common.memory_format import channels_last


class FlairSegmentationHandler(ImageHandler):
    """Takes the classifier's input. ``mask``: 256x256 PNG of 0 and 255; ``area``: its share of the picture, 0 to 1."""

    draft_size = (256, 256)

    def build(self) -> nn.Module:
        return channels_last(SliceSegmenter())

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return prepare_slice(image)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(batch.to(memory_format=torch.channels_last))
        return logits

    def answer(self, row: NDArray[np.float32]) -> dict[str, Any]:
        abnormal = row > 0
        content = io.BytesIO()
        Image.fromarray(np.where(abnormal, 255, 0).astype(np.uint8)).save(content, format="PNG")
        data = base64.b64encode(content.getvalue()).decode("ascii")
        return {"mask": {"media_type": "image/png", "data": data}, "area": round(float(abnormal.mean()), 6)}
