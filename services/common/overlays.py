"""The section ``overlay`` of a ``service.yaml``: how the gateway draws a mask that the model answers over its input.

It goes into ``<store>/models.json`` and not into the archive: a model server draws nothing.
"""

from __future__ import annotations

import re
from typing import Any

CHANNELS = ("red", "green", "blue")
LONGEST_FIELD = 64
_COLOUR = re.compile("#[0-9a-f]{6}")
_KEYS = ("mask", "channel", "fill", "fill_opacity", "contour")


class InvalidOverlay(ValueError):
    """The section cannot be used; the message says what is wrong with which key."""


def read_overlay(found: object) -> dict[str, Any]:
    """Return the section as it is written, checked. The gateway fills in what it leaves out.

    ``mask`` names the answer's field that holds the mask and must be there. ``channel`` is the input's channel that is
    shown in grey, ``fill`` and ``contour`` are colours, ``fill_opacity`` is 0 to 1. Raises InvalidOverlay.
    """
    if not isinstance(found, dict) or "mask" not in found:
        raise InvalidOverlay("'overlay' must have the key mask: the answer's field that holds the mask.")
    if unknown := [str(key) for key in found if key not in _KEYS]:
        raise InvalidOverlay(f"'overlay' has no key {', '.join(unknown)}; it has {', '.join(_KEYS)}.")
    mask = found["mask"]
    if not isinstance(mask, str) or not 1 <= len(mask) <= LONGEST_FIELD:
        raise InvalidOverlay(f"'overlay.mask' must be a field's name of 1 to {LONGEST_FIELD} characters.")
    if found.get("channel", CHANNELS[0]) not in CHANNELS:
        raise InvalidOverlay(f"'overlay.channel' must be one of {', '.join(CHANNELS)}.")
    for key in ("fill", "contour"):
        if key in found and not (isinstance(found[key], str) and _COLOUR.fullmatch(found[key])):
            raise InvalidOverlay(f"'overlay.{key}' must be a colour in quotes, such as \"#ffdd00\", in small letters.")
    opacity = found.get("fill_opacity", 0)
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
        raise InvalidOverlay("'overlay.fill_opacity' must be a number from 0 (clear) to 1.")
    return dict(found)
