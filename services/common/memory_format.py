"""The memory layout that convolutions run fastest in on a processor."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def channels_last(module: Module) -> Module:
    """Lay the weights of the module's convolutions out with the channels last, in place. Returns the module.

    Inputs must be laid out alike: ``tensor.to(memory_format=torch.channels_last)``.
    """
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave this overload out
    return module
