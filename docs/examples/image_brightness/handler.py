"""Serves it: a picture to ``{"bright": true, "brightness": 0.8}``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from services.common.image_handler import ImageHandler
from services.image_brightness.network import BrightnessNetwork
from services.image_brightness.preprocess import prepare


class BrightnessHandler(ImageHandler):
    """The base decodes, batches, and answers 400 for one bad picture alone."""

    def build(self) -> nn.Module:
        return BrightnessNetwork()

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return prepare(image)

    def answer(self, row: NDArray[np.float32]) -> dict[str, Any]:
        brightness = float(row[0])
        return {"bright": brightness > 0.5, "brightness": round(brightness, 4)}
