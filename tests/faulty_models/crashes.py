"""A model whose worker dies on every request."""

import os


def handle(data, context):
    if data:  # TorchServe calls once without data to load
        os._exit(1)
    return []
