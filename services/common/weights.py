"""Shipped weights: written whole or not at all, in half precision, and loaded into single precision."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from services.common.training import write_atomically

Module = TypeVar("Module", bound=nn.Module)


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the model's state as safetensors, floating-point values in half precision: masks and labels stay the same.

    Scalars (a temperature, a threshold) keep their precision.
    """
    state = {
        name: (value.half() if value.is_floating_point() and value.ndim else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    write_atomically(path, lambda partial: save_file(state, partial))
    path.chmod(0o644)  # safetensors makes a file that only its owner may read


def load_weights(model: Module, path: Path) -> Module:
    """Load what :func:`save_weights` wrote and return the model in evaluation mode."""
    model.load_state_dict({name: value.to(torch.get_default_dtype()) for name, value in load_file(path).items()})
    return model.eval()
