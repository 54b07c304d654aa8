"""The shipped digit model: right on the samples, unsure without a digit, the same alone and in a batch."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from services.digit_recognizer.dataset import augment
from services.digit_recognizer.handler import DigitHandler
from services.digit_recognizer.synthetic import other_picture
from services.digit_recognizer.train import WEIGHTS, fit_temperature, targets_of
from services.samples.digits import render
from tests.support.checkout import CHECKOUT as ROOT

SAMPLES = sorted(path for path in (ROOT / "samples" / "digits").iterdir() if path.suffix in (".png", ".jpg"))


class Context:
    def __init__(self) -> None:
        self.system_properties = {"model_dir": str(WEIGHTS.parent), "gpu_id": None}
        self.manifest = {"model": {"serializedFile": WEIGHTS.name}}
        self.status: dict[int, int] = {}

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.status[idx] = code

    def set_response_content_type(self, idx: int, value: str) -> None:
        pass


@pytest.fixture(scope="module")
def handler() -> DigitHandler:
    ready = DigitHandler()
    ready.initialize(Context())
    return ready


def ask(handler: DigitHandler, *contents: bytes) -> list[dict[str, Any]]:
    context = Context()
    answers = [json.loads(body) for body in handler.handle([{"body": content} for content in contents], context)]
    assert not context.status
    return answers


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_there_is_a_sample_of_every_digit_and_each_is_small() -> None:
    assert {f"digit_{number}.png" for number in range(10)} <= {path.name for path in SAMPLES}
    assert all(path.stat().st_size <= 40_960 for path in SAMPLES)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_is_read_rightly(handler: DigitHandler, path: Path) -> None:
    (answer,) = ask(handler, path.read_bytes())
    assert set(answer) == {"digit", "score"}
    assert answer["digit"] == int(path.stem.split("_")[1])
    assert answer["score"] > 0.9


def test_batched_and_single_answers_agree(handler: DigitHandler) -> None:
    contents = [path.read_bytes() for path in SAMPLES]
    for alone, together in zip(
        [ask(handler, content)[0] for content in contents], ask(handler, *contents), strict=True
    ):
        assert alone["digit"] == together["digit"]
        assert alone["score"] == pytest.approx(together["score"], abs=1e-4)


@pytest.mark.parametrize("colour", ["white", "black", "gray"])
def test_without_ink_the_score_is_low(handler: DigitHandler, colour: str) -> None:
    assert ask(handler, png(Image.new("RGB", (120, 90), colour)))[0]["score"] < 0.3


def test_without_a_digit_the_score_is_low_on_average(handler: DigitHandler) -> None:
    generator = np.random.default_rng(11)
    scores = [answer["score"] for answer in ask(handler, *(png(other_picture(generator)) for _ in range(25)))]
    assert np.mean(scores) <= 0.6


def test_the_committed_samples_are_what_the_code_draws(tmp_path: Path) -> None:
    # JPEG and PNG encoders differ between releases: the pictures are compared, not their bytes.
    for path in render(tmp_path):
        made, kept = (
            np.asarray(Image.open(file).convert("RGB"), dtype=float)
            for file in (path, ROOT / "samples/digits" / path.name)
        )
        assert made.shape == kept.shape
        assert abs(made - kept).mean() < 3


def test_augmentation_keeps_shape_and_range() -> None:
    torch.manual_seed(0)
    found = augment(torch.rand(64, 1, 28, 28))
    assert found.shape == (64, 1, 28, 28)
    assert torch.isfinite(found).all()
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_pictures_without_a_digit_are_trained_towards_the_uniform_distribution() -> None:
    rows = targets_of(torch.tensor([3, -1]))
    assert rows[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert rows[1].tolist() == pytest.approx([0.1] * 10)


def test_the_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(1500, 10, generator=generator)
    labels = torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)[:, 0]
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.1)
