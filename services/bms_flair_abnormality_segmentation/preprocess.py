"""Preprocessing: the same as in training and evaluation."""

from __future__ import annotations

from services.flair.slices import prepare_slice

__all__ = ["prepare_slice"]
