"""The handler base: every item gets its own answer, whatever the others hold."""

from __future__ import annotations

import io
import json
import os
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from contracts.errors import RejectedUpload
from gateway.images.validation import Limits, examine
from services.common import image_handler
from services.common.image_handler import ImageHandler, ItemFault, decode_image, read_item
from tests.support.png_files import chunk


class FakeContext:
    """TorchServe's context as far as handlers see it; keeps what they set."""

    def __init__(self, model_dir: Any = ".", weights: str = "weights.safetensors") -> None:
        self.system_properties = {"model_dir": str(model_dir), "gpu_id": None}
        self.manifest = {"model": {"serializedFile": weights}}
        self.status: dict[int, int] = {}
        self.content_type: dict[int, str] = {}

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.status[idx] = code

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.content_type[idx] = value


class Brightness(ImageHandler):
    """Answers the mean brightness; fails for red pictures, and in other ways for other colours."""

    def build(self) -> nn.Module:
        return nn.Linear(1, 1)

    def prepare(self, image: Image.Image) -> np.ndarray:
        colour = image.convert("RGB").getpixel((0, 0))
        if colour == (255, 0, 0):
            raise RuntimeError("red")
        if colour == (0, 255, 0):
            return np.zeros(2, dtype=np.float32)  # a shape that does not stack with the others
        if colour == (0, 0, 255):
            return np.full(1, np.nan, dtype=np.float32)
        return np.array([np.asarray(image.convert("L")).mean() / 255], dtype=np.float32)

    def answer(self, row: np.ndarray) -> dict[str, Any]:
        return {"brightness": float(row[0])}


def encoded(
    colour: Any = "white", kind: str = "PNG", size: tuple[int, int] = (8, 6), mode: str = "RGB", **options: Any
) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def handler(tmp_path: Any) -> Brightness:
    save_file({"weight": torch.ones(1, 1), "bias": torch.zeros(1)}, tmp_path / "weights.safetensors")
    ready = Brightness()
    ready.initialize(FakeContext(tmp_path))
    return ready


def ask(handler: ImageHandler, *items: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    context = FakeContext()
    bodies = handler.handle(list(items), context)
    assert len(bodies) == len(items)
    assert set(context.content_type.values()) <= {"application/json"}
    return [(context.status.get(index, 200), json.loads(body)) for index, body in enumerate(bodies)]


@pytest.mark.parametrize("field", ["body", "image", "data"])
def test_reads_the_raw_body_and_both_multipart_fields(handler: Brightness, field: str) -> None:
    assert ask(handler, {field: bytearray(encoded())}) == [(200, {"brightness": 1.0})]


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ({}, "holds no image"),
        ({"file": b"x"}, "holds no image"),
        ({"body": {"a": 1}}, "JSON or text"),
        ({"body": "text"}, "JSON or text"),
        ({"body": b""}, "zero bytes"),
        ({"body": b"hello"}, "not a PNG or JPEG"),
        ({"body": encoded(kind="GIF")}, "not a PNG or JPEG"),
        ({"body": encoded(kind="BMP")}, "not a PNG or JPEG"),
        ({"body": encoded()[:-30]}, "truncated or damaged"),
        ({"body": encoded(kind="JPEG", size=(300, 300))[:400]}, ""),
    ],
)
def test_one_bad_item_answers_400_for_itself_alone(handler: Brightness, item: dict[str, Any], wrong: str) -> None:
    good = {"body": encoded("black")}
    first, bad, last = ask(handler, good, item, good)
    assert first == last == (200, {"brightness": 0.0})
    assert bad[0] == bad[1]["code"] == 400
    assert bad[1]["type"] == "InvalidImage"
    assert wrong in bad[1]["message"]
    assert "PNG or JPEG" in bad[1]["message"]


@pytest.mark.parametrize("colour", ["red", "lime", "blue"])
def test_an_unforeseen_fault_stays_with_its_item(handler: Brightness, colour: str, capsys: Any) -> None:
    good = {"body": encoded()}
    before, bad, after = ask(handler, good, {"body": encoded(colour)}, good)
    assert before == after == (200, {"brightness": 1.0})
    assert bad[0] == 500
    assert bad[1]["type"] == "InferenceFailed"
    assert "Traceback" in capsys.readouterr().err


def test_an_empty_batch_has_no_answers(handler: Brightness) -> None:
    assert handler.handle([], FakeContext()) == []
    assert handler.handle(None, FakeContext()) == []


def test_pixels_are_counted_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded()
    monkeypatch.setattr(image_handler, "PIXEL_LIMIT", 47)
    monkeypatch.setattr(Image.Image, "load", lambda _self: pytest.fail("decoded"))
    with pytest.raises(ItemFault, match="8 x 6 pixels, more than the 47"):
        decode_image(content)


def test_the_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(encoded(kind="JPEG", exif=exif)).size == (6, 8)


def test_a_draft_is_never_smaller_than_asked_for() -> None:
    image = decode_image(encoded(kind="JPEG", size=(4000, 3000)), (500, 500))
    assert 500 <= min(image.size) < 3000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_is_decoded(mode: str) -> None:
    assert decode_image(encoded(0 if mode != "LA" else (0, 0), mode=mode)).size == (8, 6)


def test_the_first_of_the_known_fields_is_read() -> None:
    assert read_item({"image": b"a", "body": b"b"}) == b"a"


def test_weights_of_another_shape_stop_the_start(tmp_path: Any) -> None:
    save_file({"weight": torch.ones(2, 2)}, tmp_path / "weights.safetensors")
    with pytest.raises(RuntimeError, match="size mismatch"):
        Brightness().initialize(FakeContext(tmp_path))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(8, 6), (1, 1), (33, 17)])
def test_what_the_gateway_accepts_is_read_and_what_it_refuses_is_not(mode: str, size: tuple[int, int]) -> None:
    whole = encoded(0 if mode != "LA" else (0, 0), mode=mode, size=size)
    limits = Limits(bytes=1_000_000, pixels=image_handler.PIXEL_LIMIT)
    cut = [whole[:33] + whole[33:-12].replace(b"IDAT", kind) + whole[-12:] for kind in (b"IDAT", b"teSt", b"IEND")]
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2_000_000))
    for content in (*cut, whole[:33] + text + whole[33:], whole[:-12] + text + whole[-12:], whole[:-1]):
        try:
            examine(content, "x.png", limits)
        except RejectedUpload:
            with pytest.raises(ItemFault):
                decode_image(content)
        else:
            assert decode_image(content).size == size


class Recording(Brightness):
    """Keeps what it is asked for while it starts."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[Image.Image] = []
        self.batches: list[tuple[int, ...]] = []
        self.broken = False

    def prepare(self, image: Image.Image) -> np.ndarray:
        self.prepared.append(image)
        return super().prepare(image)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        assert not self.model.training
        assert torch.is_inference_mode_enabled()
        if self.broken:
            raise ValueError("wrong shapes")
        self.batches.append(tuple(batch.shape))
        return super().forward(batch)


@pytest.fixture
def started(tmp_path: Any) -> FakeContext:
    save_file({"weight": torch.ones(1, 1), "bias": torch.zeros(1)}, tmp_path / "weights.safetensors")
    return FakeContext(tmp_path)


def test_one_blank_picture_is_computed_before_the_first_request(started: FakeContext) -> None:
    handler = Recording()
    handler.initialize(started)
    (image,) = handler.prepared
    assert (image.size, image.mode, image.getextrema()) == ((64, 64), "RGB", ((255, 255),) * 3)
    assert handler.batches == [(1, 1)]


def test_a_model_that_cannot_compute_fails_when_it_is_loaded(started: FakeContext) -> None:
    handler = Recording()
    handler.broken = True
    with pytest.raises(ValueError, match="wrong shapes"):
        handler.initialize(started)


@pytest.mark.parametrize(("version", "niceness"), [("1.0.0-large", [5]), ("1.0.0", []), (None, [])])
def test_the_worker_of_large_pictures_leaves_the_processor_to_others(
    version: str | None, niceness: list[int], started: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    if version is not None:
        started.manifest["model"]["modelVersion"] = version
    Recording().initialize(started)
    assert asked == niceness
