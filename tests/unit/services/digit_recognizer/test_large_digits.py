"""A large picture is reduced before it is converted, and answered as it would be without that."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.common.image_handler import decode_image
from services.digit_recognizer import modes
from services.digit_recognizer.handler import DigitHandler
from services.digit_recognizer.preprocess import preprocess
from services.digit_recognizer.train import WEIGHTS
from tests.support.checkout import CHECKOUT
from tests.unit.services.common.test_image_handler import FakeContext

SIDE = 2 * modes.REDUCED_SIDE
SCORE_TOLERANCE = 0.005


@pytest.fixture(scope="module")
def handler() -> DigitHandler:
    ready = DigitHandler()
    ready.initialize(FakeContext(WEIGHTS.parent, WEIGHTS.name))
    return ready


def answer_to(handler: DigitHandler, picture: Image.Image) -> dict[str, Any]:
    return handler.answer(handler._run([preprocess(picture)])[0])


def sample(number: int, side: int) -> Image.Image:
    path: Path = CHECKOUT / "samples" / "digits" / f"digit_{number}.png"
    with Image.open(path) as picture:
        return picture.convert("L").resize((side, side), Image.Resampling.BICUBIC)


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture).astype(np.uint16) * 4)
    if mode in {"LA", "RGBA"}:
        ink = picture.convert(mode)
        ink.putalpha(picture.point(lambda value: 255 if value < 250 else 200))
        return ink
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("number", "mode"), [(3, "L"), (8, "RGB"), (5, "RGBA"), (2, "LA"), (7, "P"), (4, "1"), (6, "I;16"), (9, "CMYK")]
)
def test_a_large_digit_gets_the_same_answer(
    handler: DigitHandler, number: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = in_mode(sample(number, SIDE), mode)
    found = answer_to(handler, large)
    monkeypatch.setattr(modes, "REDUCED_SIDE", SIDE)
    whole = answer_to(handler, large)
    assert found["digit"] == whole["digit"] == number
    assert found["score"] == pytest.approx(whole["score"], abs=SCORE_TOLERANCE)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_below_twice_that_side_nothing_changes(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = in_mode(sample(8, 400).resize((SIDE - 1, 300)), mode)
    found = preprocess(picture)
    monkeypatch.setattr(modes, "REDUCED_SIDE", 10**9)
    assert (found == preprocess(picture)).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("number", [2, 8])
def test_a_large_jpeg_is_decoded_small_and_gets_the_same_answer(
    handler: DigitHandler, number: int, options: dict[str, bool]
) -> None:
    content = io.BytesIO()
    sample(number, SIDE).convert("RGB").save(content, "JPEG", **options)
    small = decode_image(content.getvalue(), handler.draft_size)
    assert small.size == (SIDE // 4, SIDE // 4)
    found, whole = answer_to(handler, small), answer_to(handler, decode_image(content.getvalue()))
    assert found["digit"] == whole["digit"] == number
    assert found["score"] == pytest.approx(whole["score"], abs=SCORE_TOLERANCE)


def test_a_small_digit_on_a_large_page_keeps_its_strokes(handler: DigitHandler) -> None:
    page = Image.new("L", (5200, 4400), 245)
    page.paste(sample(7, 400).point(lambda value: min(value, 245)), (3000, 1500))
    assert answer_to(handler, page)["digit"] == 7
