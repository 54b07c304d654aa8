"""Folds batch normalisation into the convolutions before it: the same answers with a third fewer layers."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """Fold, in place, every batch normalisation that follows a convolution in a Sequential. Evaluation mode only.

    Returns the network.
    """
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        for place in range(len(module) - 1):
            convolution, norm = module[place], module[place + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[place], module[place + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network
