"""Preprocessing, pure numpy and Pillow: the same in training, evaluation and serving."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def prepare(image: Image.Image) -> NDArray[np.float32]:
    """Turn any picture into (1, 64, 64) grey values in 0..1."""
    grey = image.convert("RGB").convert("L").resize((64, 64), Image.Resampling.BOX)
    return (np.asarray(grey, dtype=np.float32) / 255.0)[None]
