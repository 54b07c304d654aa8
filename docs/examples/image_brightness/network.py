"""The smallest network there is: a weighted mean of the pixels."""

from __future__ import annotations

import torch
from torch import nn


class BrightnessNetwork(nn.Module):
    """(N, 1, 64, 64) grey values in 0..1 to (N, 1) brightness in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean(dim=(2, 3)) * self.gain
