"""Draws the synthetic images in ``samples/``, always the same ones."""
