"""The shipped FLAIR models on phantom slices, in every form a picture can have, alone and in a batch."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from services.bms_flair_abnormality_classification import train as classification
from services.bms_flair_abnormality_classification.handler import FlairClassificationHandler
from services.bms_flair_abnormality_segmentation import train as segmentation
from services.bms_flair_abnormality_segmentation.handler import FlairSegmentationHandler
from services.common.image_handler import ImageHandler
from services.flair.slices import SIDE, prepare_slice
from services.samples.flair import PHANTOMS, Phantom, render
from tests.support.factories import encoded
from tests.unit.services.common.test_image_handler import FakeContext

Handler = TypeVar("Handler", bound=ImageHandler)


def loaded(handler: Handler, weights: Path) -> Handler:
    handler.initialize(FakeContext(weights.parent, weights.name))
    return handler


@pytest.fixture(scope="module")
def classifier() -> FlairClassificationHandler:
    return loaded(FlairClassificationHandler(), classification.WEIGHTS)


@pytest.fixture(scope="module")
def segmenter() -> FlairSegmentationHandler:
    return loaded(FlairSegmentationHandler(), segmentation.WEIGHTS)


def ask(handler: ImageHandler, *contents: bytes) -> list[Any]:
    return handler.answer_items([{"body": content} for content in contents])


def mask_of(answer: dict[str, Any]) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(base64.b64decode(answer["mask"]["data"]))) as image:
        assert image.size == (SIDE, SIDE)
        return np.asarray(image)


@pytest.mark.parametrize("phantom", PHANTOMS, ids=lambda phantom: phantom.name)
def test_phantoms_are_classified_rightly(
    classifier: FlairClassificationHandler, samples: Path, phantom: Phantom
) -> None:
    (answer,) = ask(classifier, (samples / "flair" / f"{phantom.name}.png").read_bytes())
    assert answer["label"] == ("abnormality" if phantom.lesion else "no_abnormality")
    assert 0.5 <= answer["score"] <= 1


@pytest.mark.parametrize("phantom", [each for each in PHANTOMS if each.lesion], ids=lambda phantom: phantom.name)
def test_lesions_are_outlined(segmenter: FlairSegmentationHandler, samples: Path, phantom: Phantom) -> None:
    (answer,) = ask(segmenter, (samples / "flair" / f"{phantom.name}.png").read_bytes())
    found, drawn = mask_of(answer) > 0, render(phantom)[1]
    assert 2 * (found & drawn).sum() / (found.sum() + drawn.sum()) > 0.85
    assert answer["area"] == pytest.approx(found.mean(), abs=1e-6)
    assert set(np.unique(mask_of(answer))) <= {0, 255}


def test_the_committed_slices_are_what_the_code_draws(samples: Path) -> None:
    for phantom in PHANTOMS:
        with Image.open(samples / "flair" / f"{phantom.name}.png") as image:
            difference = np.abs(np.asarray(image).astype(int) - render(phantom)[0].astype(int))
        assert difference.max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
@pytest.mark.parametrize("size", [(1, 1), (256, 256), (300, 20), (8000, 1000)])
def test_every_picture_becomes_a_finite_slice(mode: str, size: tuple[int, int]) -> None:
    image = Image.new("I" if mode == "I;16" else mode, size, 1)
    values = prepare_slice(image.convert("I;16") if mode == "I;16" else image)
    assert values.shape == (3, SIDE, SIDE)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_a_grey_slice_is_taken_as_flair_in_all_three_channels() -> None:
    grey = prepare_slice(Image.fromarray(render(PHANTOMS[3])[0][:, :, 1]))
    plain = prepare_slice(Image.merge("RGB", [Image.fromarray(render(PHANTOMS[3])[0][:, :, 1])] * 3))
    assert np.array_equal(grey, plain)


def test_sixteen_bits_keep_the_shades() -> None:
    flair = render(PHANTOMS[3])[0][:, :, 1]
    deep = Image.fromarray(flair.astype(np.uint16) * 257)
    scaled = flair.astype(float) * 255 / flair.max()
    got = prepare_slice(deep)[1] * 0.114 + 0.056
    assert np.abs(got * 255 - scaled).max() < 1.5


def test_batched_and_single_answers_agree(
    classifier: FlairClassificationHandler, segmenter: FlairSegmentationHandler, samples: Path
) -> None:
    contents = [path.read_bytes() for path in sorted((samples / "flair").glob("*.png"))]
    together = ask(classifier, *contents)
    for content, answer in zip(contents, together, strict=True):
        (alone,) = ask(classifier, content)
        assert alone["label"] == answer["label"]
        assert alone["score"] == pytest.approx(answer["score"], abs=1e-4)
    masks = [mask_of(answer) for answer in ask(segmenter, *contents[:3])]
    assert [int((mask > 0).sum()) for mask in masks] == [
        int((mask_of(ask(segmenter, content)[0]) > 0).sum()) for content in contents[:3]
    ]


def test_one_bad_picture_is_refused_for_itself_alone(classifier: FlairClassificationHandler, samples: Path) -> None:
    good = (samples / "flair" / "lesion_1.png").read_bytes()
    first, bad, last = ask(classifier, good, good[:500], good)
    assert first == last
    assert (bad.code, bad.kind) == (400, "InvalidImage")


def test_png_and_jpeg_get_the_same_label(classifier: FlairClassificationHandler) -> None:
    for phantom in PHANTOMS:
        image = Image.fromarray(render(phantom)[0])
        labels = [item["label"] for item in ask(classifier, encoded(image, "PNG"), encoded(image, "JPEG", quality=90))]
        assert labels[0] == labels[1]


def test_all_weights_together_fit_in_the_repository(samples: Path) -> None:
    weights = list((samples.parent / "services").rglob("*.safetensors"))
    assert len(weights) >= 3  # and those of a model that somebody added
    assert sum(path.stat().st_size for path in weights) <= 25 * 1024 * 1024
