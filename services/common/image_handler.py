"""The TorchServe handler that every image model derives from: decode, one forward per batch, one answer per item.

TorchServe fails a whole batch when a handler raises, so nothing here raises once the model is loaded: an item's
fault becomes the answer to that item, ``{"code", "type", "message"}`` with its HTTP status. At its production log
level TorchServe also swallows tracebacks, so they are written to stderr here.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from image_files.cost import LARGE_SUFFIX
from image_files.decoding import check_what_decoding_ignores, decode, read_image
from image_files.errors import DamagedImage, NotAnImage, OverloadedImage, UnsupportedImage
from services.common.folding import fold_batch_norms

PIXEL_LIMIT = 40_000_000
LARGE_NICENESS = 5
"""The worker that reads large pictures leaves the processor to the one that reads all others."""

FIELDS = ("image", "data", "body")
WANTED = "send a whole PNG or JPEG file as the request body, or as the multipart field 'image'"


class Context(Protocol):
    """The part of TorchServe's context that handlers use."""

    @property
    def system_properties(self) -> Mapping[str, Any]: ...

    @property
    def manifest(self) -> Mapping[str, Any]: ...

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None: ...

    def set_response_content_type(self, idx: int, value: str) -> None: ...


class ItemFault(Exception):
    """One item of a batch cannot be answered. ``message`` is a sentence for the person who sent it."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind
        self.message = message

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "type": self.kind, "message": self.message}


def invalid_image(message: str) -> ItemFault:
    """Return the fault of an item that is not an acceptable image (HTTP 400, type ``InvalidImage``)."""
    return ItemFault(400, "InvalidImage", message)


def read_item(item: Mapping[str, Any]) -> bytes:
    """Return the bytes of one request: its multipart field ``image`` or ``data``, or its raw body.

    Raises :class:`ItemFault` when there are none, or when the body was sent as JSON or text.
    """
    value = next((item[name] for name in FIELDS if item.get(name) is not None), None)
    if value is None:
        raise invalid_image(f"The request holds no image; {WANTED}.")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise invalid_image(f"The request body is JSON or text, not an image; {WANTED}.")
    if len(value) == 0:
        raise invalid_image(f"The image has zero bytes; {WANTED}.")
    return bytes(value)


def decode_image(content: bytes, draft_size: tuple[int, int] | None = None) -> Image.Image:
    """Decode a PNG or JPEG (the first frame of an animation), turned upright by its EXIF orientation.

    The rules are those of :mod:`image_files`, as at the gateway: what it accepts can be read here. 16-bit colour comes
    out as 8 bits, scaled. The pixel limit is checked on the header, before anything is decoded. With ``draft_size`` a
    JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 of its size that is not smaller than that, which is several
    times faster. Raises :class:`ItemFault` with a sentence that says what was wrong and what would be right.
    """
    try:
        file = read_image(content)
        if file.width * file.height > PIXEL_LIMIT:
            raise invalid_image(
                f"The image has {file.width} x {file.height} pixels, more than the {PIXEL_LIMIT:,} that are accepted; "
                "send a smaller version of it."
            )
        check_what_decoding_ignores(file)
        return decode(file, draft_size)
    except NotAnImage as error:
        raise invalid_image(f"The bytes are not a PNG or JPEG image; {WANTED}.") from error
    except DamagedImage as error:
        raise invalid_image(f"The image is truncated or damaged ({error}); {WANTED}.") from error
    except OverloadedImage as error:
        raise invalid_image(f"The image file holds more than {error}; {WANTED}.") from error
    except UnsupportedImage as error:
        raise invalid_image(f"The image is {error}, which is not read; {WANTED}.") from error


class ImageHandler(ABC):
    """Base of the model services' handlers.

    A subclass implements :meth:`build`, :meth:`prepare` and :meth:`answer`, and overrides :meth:`forward` where
    ``answer`` needs another output than the model's own. Batched and single answers are the same up to floating-point
    order.
    """

    draft_size: ClassVar[tuple[int, int] | None] = None

    def __init__(self) -> None:
        self.model: nn.Module
        self.device = torch.device("cpu")

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the network with the shapes that the weights file fits; its values do not matter."""

    @abstractmethod
    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return the model's input for one decoded image (any Pillow mode and size), always of one shape."""

    @abstractmethod
    def answer(self, row: NDArray[np.float32]) -> dict[str, Any]:
        """Return the JSON answer for one item's row of the output."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the output for the stacked inputs, one row per item. By default the model's own forward."""
        output: torch.Tensor = self.model(batch)
        return output

    def initialize(self, context: Context) -> None:
        """Load the weights and run one blank image, so that a wrong archive fails here and not in a request."""
        torch.set_num_threads(1)
        if context.manifest["model"].get("modelVersion", "").endswith(LARGE_SUFFIX):
            os.nice(LARGE_NICENESS)
        properties = context.system_properties
        if torch.cuda.is_available() and properties.get("gpu_id") is not None:
            self.device = torch.device(f"cuda:{properties['gpu_id']}")
        weights = Path(properties["model_dir"]) / context.manifest["model"]["serializedFile"]
        self.model = self.build()
        self.model.load_state_dict(load_file(weights))
        self.model = fold_batch_norms(self.model.eval()).to(self.device)
        self._run([self.prepare(Image.new("RGB", (64, 64), "white"))])

    def handle(self, data: Sequence[Mapping[str, Any]] | None, context: Context) -> list[bytes]:
        """Answer a batch: exactly one JSON body per item, each with its own status."""
        answers: list[dict[str, Any] | ItemFault] = self.answer_items(data or [])
        bodies = []
        for index, found in enumerate(answers):
            if isinstance(found, ItemFault):
                context.set_response_status(found.code, found.kind, idx=index)
                found = found.body()
            context.set_response_content_type(index, "application/json")
            bodies.append(json.dumps(found, allow_nan=False).encode())
        return bodies

    def answer_items(self, data: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | ItemFault]:
        """Return each item's answer or its fault, in order. Never raises."""
        results: list[dict[str, Any] | ItemFault | NDArray[np.float32]] = [self._prepare_item(item) for item in data]
        ready = [index for index, found in enumerate(results) if isinstance(found, np.ndarray)]
        outputs = self._run_isolated([results[index] for index in ready])  # type: ignore[misc]
        for index, row in zip(ready, outputs, strict=True):
            results[index] = row if isinstance(row, ItemFault) else self._answer_row(row)
        return results  # type: ignore[return-value]

    def _prepare_item(self, item: Mapping[str, Any]) -> NDArray[np.float32] | ItemFault:
        try:
            return self.prepare(decode_image(read_item(item), self.draft_size))
        except ItemFault as fault:
            return fault
        except Exception:  # noqa: BLE001 - one item's fault must not become the batch's
            return _unexpected("prepared")

    def _run(self, inputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(inputs)).to(self.device)
            result: NDArray[np.float32] = self.forward(batch).float().cpu().numpy()
            return result

    def _run_isolated(self, inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32] | ItemFault]:
        if not inputs:
            return []
        try:
            return list(self._run(inputs))
        except Exception:  # noqa: BLE001 - one item's fault must not become the batch's
            # One item can make the batch fail (its shape differs, it needs too much memory): run each item alone, so
            # that the others are answered.
            fault = _unexpected("computed")
            if len(inputs) == 1:
                return [fault]
            return [found for single in inputs for found in self._run_isolated([single])]

    def _answer_row(self, row: NDArray[np.float32]) -> dict[str, Any] | ItemFault:
        try:
            if not np.isfinite(row).all():
                raise FloatingPointError("the model's output is not finite")
            found = self.answer(row)
            json.dumps(found, allow_nan=False)
            return found
        except Exception:  # noqa: BLE001 - one item's fault must not become the batch's
            return _unexpected("answered")


def _unexpected(stage: str) -> ItemFault:
    """Log the current exception and return it as the fault of one item (HTTP 500, type ``InferenceFailed``)."""
    traceback.print_exc(file=sys.stderr)
    return ItemFault(
        500, "InferenceFailed", f"The image could not be {stage} by the model; the service's log says why."
    )
