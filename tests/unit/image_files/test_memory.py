"""An image is not damaged because this process has no memory left."""

from __future__ import annotations

import pytest
from PIL import Image

from image_files.decoding import decode, read_image
from tests.support.factories import encoded, png


@pytest.mark.parametrize("content", [png(8, 8), encoded(Image.new("RGB", (8, 8)), "JPEG")])
def test_no_memory_is_no_fault_of_the_image(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    file = read_image(content)
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(MemoryError):
        decode(file)
