"""A model whose worker dies on every request."""

import os
from collections.abc import Sequence


def handle(data: Sequence[object] | None, context: object) -> list[str]:
    if data:  # TorchServe calls once without data to load
        os._exit(1)
    return []
