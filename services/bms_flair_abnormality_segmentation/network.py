"""The network that is served: the FLAIR encoder with the segmentation decoder."""

from __future__ import annotations

from services.flair.network import SliceSegmenter

__all__ = ["SliceSegmenter"]
