"""Preprocessing: the same as in training and evaluation."""

from __future__ import annotations

from services.common.flair_slices import prepare_slice

__all__ = ["prepare_slice"]
