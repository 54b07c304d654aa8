"""A folded network answers as before, with fewer layers."""

from __future__ import annotations

import torch
from torch import nn

from services.common.folding import fold_batch_norms
from services.flair.network import SliceClassifier, SliceSegmenter


def _settled(network: nn.Module) -> nn.Module:
    """Give the batch norms statistics of their own: fresh ones change nothing and would hide a mistake."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


def test_the_answers_stay_and_the_batch_norms_go() -> None:
    kinds: tuple[type[nn.Module], ...] = (SliceClassifier, SliceSegmenter)
    for kind in kinds:
        network = _settled(kind())
        slices = torch.randn(2, 3, 64, 64)
        with torch.inference_mode():
            before = network(slices)
            after = fold_batch_norms(network)(slices)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
