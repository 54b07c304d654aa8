"""The network that is served: the FLAIR encoder with the classification head."""

from __future__ import annotations

from services.flair.network import SliceClassifier

__all__ = ["SliceClassifier"]
