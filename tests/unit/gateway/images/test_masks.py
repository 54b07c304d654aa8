"""A mask is read as true and false, and a giant one never is."""

from __future__ import annotations

import pytest
from PIL import Image

from gateway.images.masks import read_mask
from tests.support.factories import encoded, png


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_white_is_inside(form: str) -> None:
    mask = Image.new("L", (16, 8))
    mask.paste(255, (8, 0, 16, 8))
    inside = read_mask(encoded(mask, form))
    assert inside.shape == (8, 16)
    assert inside[:, 8:].all()
    assert not inside[:, :8].any()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_mask_may_have_any_mode(mode: str) -> None:
    white = Image.new("L", (2, 1), 255).convert(mode)
    assert read_mask(encoded(white, "PNG")).all()


@pytest.mark.parametrize("data", [b"", b"text", png()[:40]])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(OSError, match=r"\w"):
        read_mask(data)


def test_a_giant_mask_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(OSError, match="The mask has 2001 x 2000 pixels; the limit is 4 million"):
        read_mask(png(2001, 2000, "1"))
