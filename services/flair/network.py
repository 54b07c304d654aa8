"""The network behind both FLAIR models: one pretrained encoder, a segmentation decoder, a classification head.

The two models are trained together, which improves both, and shipped separately: each archive holds only the
parts that it runs. The U-Net is Ronneberger et al., 2015; the sub-pixel output, which draws a 256 px mask at the
cost of a 128 px one, is Shi et al., 2016.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from services.flair.encoder import CHANNELS, Encoder

CLASSIFIED_SIDE = 224
"""The classifier reads a slightly smaller picture: a fifth faster, and no worse on the validation patients."""

WIDTHS = (32, 48, 64, 96)
"""Feature maps of the decoder at 1/2, 1/4, 1/8 and 1/16 of the slice's side."""


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Decoder(nn.Module):
    """The encoder's five maps to (N, 1, H, W) mask logits."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList()
        self.merge = nn.ModuleList()
        deeper = CHANNELS[-1]
        for width, skip in zip(WIDTHS[::-1], CHANNELS[-2::-1], strict=True):
            self.lateral.append(nn.Conv2d(deeper, width, 1, bias=False))
            merge = [_convolution(width + skip, width)]
            if width != WIDTHS[0]:  # on the largest map, one convolution instead of two saves a tenth of the time
                merge.append(_convolution(width, width))
            self.merge.append(nn.Sequential(*merge))
            deeper = width
        self.output = nn.Conv2d(WIDTHS[0], 4, 3, 1, 1)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        features = maps[-1]
        for lateral, merge, skip in zip(self.lateral, self.merge, maps[-2::-1], strict=True):
            raised = functional.interpolate(lateral(features), scale_factor=2.0, mode="nearest")
            features = merge(torch.cat([raised, skip], dim=1))
        return functional.pixel_shuffle(self.output(features), 2)


class ClassificationHead(nn.Module):
    """The encoder's maps to (N,) logits of "this slice shows FLAIR abnormality".

    Mean and maximum of the two deepest maps: the mean describes the slice, the maximum finds a small lesion.
    """

    def __init__(self) -> None:
        super().__init__()
        features = 2 * (CHANNELS[-1] + CHANNELS[-2])
        self.layers = nn.Sequential(nn.Dropout(0.3), nn.Linear(features, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        pooled = [pool for level in maps[-2:] for pool in (level.mean(dim=(2, 3)), level.amax(dim=(2, 3)))]
        logits: torch.Tensor = self.layers(torch.cat(pooled, dim=1))
        return logits.squeeze(1)


class FlairNetwork(nn.Module):
    """Encoder, decoder and head together, as they are trained: slices to (mask logits, abnormality logits)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.head = ClassificationHead()

    def forward(self, slices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.encoder(slices)
        return self.decoder(maps), self.head(maps)


class SliceSegmenter(nn.Module):
    """Encoder and decoder: (N, 3, 256, 256) to (N, 256, 256) mask logits, positive where a pixel is abnormal.

    ``threshold`` is the probability above which a pixel counts, chosen on validation patients.
    """

    threshold: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.register_buffer("threshold", torch.tensor(0.5))

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.decoder(self.encoder(slices))
        return logits.squeeze(1) - torch.logit(self.threshold)


class SliceClassifier(nn.Module):
    """Encoder and head: (N, 3, 256, 256) to (N,) calibrated logits of abnormality.

    ``temperature`` is fitted on validation patients. Source: Guo et al., "On Calibration of Modern Neural
    Networks", 2017.
    """

    temperature: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.head = ClassificationHead()
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        size = (CLASSIFIED_SIDE, CLASSIFIED_SIDE)
        seen = functional.interpolate(slices, size=size, mode="bilinear", antialias=True, align_corners=False)
        logits: torch.Tensor = self.head(self.encoder(seen))
        return logits / self.temperature
