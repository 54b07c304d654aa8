"""A large slice is reduced before it is converted, and comes to the network as it would without that."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from services.common.image_handler import decode_image
from services.flair import slices
from services.flair.slices import STD, prepare_slice, to_rgb
from services.samples.flair import PHANTOMS, render

SIDE = 2 * slices.REDUCED_SIDE
LEVEL = 1 / 255 / float(STD.min())
"""One step of 255 in the network's input."""


def large(mode: str, size: tuple[int, int] = (SIDE, SIDE + 301)) -> Image.Image:
    picture = Image.fromarray(render(PHANTOMS[0])[0]).resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 16)
    if mode == "RGBA":
        picture.putalpha(picture.convert("L").point(lambda value: 255 if value > 20 else 100))
    return picture if mode == "RGBA" else picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "I;16"])
@pytest.mark.parametrize("size", [(SIDE, SIDE + 301), (SIDE + 1, 256)])
def test_a_large_slice_is_the_same_input(mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = large(mode, size)
    found = prepare_slice(picture)
    monkeypatch.setattr(slices, "REDUCED_SIDE", 10**9)
    difference = abs(found - prepare_slice(picture))
    assert difference.mean() < 0.25 * LEVEL
    assert difference.max() < (4.5 if mode == "P" else 1.5) * LEVEL  # the dots of few colours have hard edges


def test_below_twice_that_side_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("RGB", "RGBA", "I;16"):
        picture = large(mode, (SIDE - 1, 700))
        found = prepare_slice(picture)
        with monkeypatch.context() as patch:
            patch.setattr(slices, "REDUCED_SIDE", 10**9)
            assert (found == prepare_slice(picture)).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_large_jpeg_is_decoded_small_and_is_the_same_input(options: dict[str, bool]) -> None:
    content = io.BytesIO()
    large("RGB").save(content, "JPEG", quality=92, **options)
    small = decode_image(content.getvalue(), (256, 256))
    assert small.size == (SIDE // 8, (SIDE + 301 + 7) // 8)
    difference = abs(prepare_slice(small) - prepare_slice(decode_image(content.getvalue())))
    assert difference.mean() < 0.5 * LEVEL


@pytest.mark.parametrize("peak", [200, 255, 1000, 65535])
def test_sixteen_bits_are_scaled_by_their_greatest(peak: int) -> None:
    values = np.linspace(0, peak, 64 * 64).reshape(64, 64).astype(np.uint16)
    scale = 255 / peak if peak > 255 else 1.0
    expected = (values.astype(np.float32) * np.float32(scale)).round()
    assert (np.asarray(to_rgb(Image.fromarray(values)))[:, :, 0] == expected).all()
