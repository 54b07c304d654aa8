"""Reads PNG and JPEG files by one set of rules, for the gateway's check and for the models. Pure: NumPy and Pillow."""
