"""What is wrong with a file. Each message is a clause that completes "The image …" or stands in parentheses."""

from __future__ import annotations


class ImageFileError(Exception):
    """The file cannot be read as a picture."""


class NotAnImage(ImageFileError):
    """The file begins neither as a PNG nor as a JPEG does."""


class DamagedImage(ImageFileError):
    """The file is a PNG or JPEG, and a part of it is missing or wrong. The message says which part."""


class UnsupportedImage(ImageFileError):
    """The file may be whole, and is of a kind that no reader here decodes. The message names the kind."""


class OverloadedImage(ImageFileError):
    """The file holds so many parts that walking over them would keep its reader busy. The message counts them."""
