"""Reads one handwritten digit in an image."""
