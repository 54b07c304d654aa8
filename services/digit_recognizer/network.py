"""The network: a small residual convolutional net over 28 x 28 pictures in MNIST's form."""

from __future__ import annotations

import torch
from torch import nn

CLASSES = 10


class Residual(nn.Module):
    """Two 3 x 3 convolutions with a shortcut. Source: He et al., "Deep Residual Learning", 2016."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.relu(features + self.body(features))


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class DigitNetwork(nn.Module):
    """Map ``(n, 1, 28, 28)`` pictures in 0..1 to ``(n, 10)`` logits.

    ``temperature`` (one number, fitted on held-out data after training) travels with the weights; training leaves
    it at 1. :meth:`probabilities` divides the logits by it.
    """

    temperature: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _stage(1, 16, 1),
            _stage(16, 32, 2),
            Residual(32),
            _stage(32, 64, 2),
            Residual(64),
            _stage(64, 96, 2),
            Residual(96),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(96 * 4 * 4, CLASSES))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(pictures * 2 - 0.3))
        return logits

    def probabilities(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return calibrated probabilities ``(n, 10)``."""
        return torch.softmax(self(pictures) / self.temperature, dim=1)
