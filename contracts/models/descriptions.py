"""Descriptions of the models: the file that building their archives writes, and that the gateway reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import InvalidSetting

FILE_NAME = "models.json"
MAX_FILE_BYTES = 4 * 1024 * 1024


class _Described(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Figure(_Described):
    """One measured figure of a model, as its card states it."""

    name: str = Field(description="What was measured.", examples=["accuracy, MNIST test (10,000)"])
    value: str = Field(description="The value, with its unit.", examples=["99.67 %"])
    interval: str | None = Field(
        default=None, description="Its 95 % confidence interval.", examples=["99.56 to 99.78 %"]
    )


class ModelCard(_Described):
    """What a model is for, how it was trained and evaluated, and where its limits are."""

    title: str = Field(description="The model's name for people.", examples=["Digit recogniser 1.0.0"])
    summary: str = Field(description="What it does, in a few sentences.")
    figures: list[Figure] = Field(description="Its key figures, measured on data that it was not trained on.")
    licence: str | None = Field(default=None, description="The terms under which its weights may be used.")
    text: str = Field(description="The whole card, as Markdown.")


class Weights(_Described):
    """The trained parameters, as one file."""

    digest: str = Field(description="SHA-256 of the file.", examples=["sha256:" + "0" * 64])
    bytes: int = Field(description="Its size.", examples=[1416000])


class Overlay(_Described):
    """How a mask that the model answers is drawn over the model's input.

    ``mask`` is the answer's field that holds it, a PNG. ``channel`` is the input's channel that is shown in grey: by
    default the one that is nearest to a photograph's brightness. Colours are ``#rrggbb``.
    """

    mask: str = Field(min_length=1, max_length=64)
    channel: Literal["red", "green", "blue"] = "green"
    fill: str = Field(default="#ff4040", pattern="^#[0-9a-f]{6}$")
    fill_opacity: float = Field(default=0.35, ge=0, le=1)
    contour: str = Field(default="#ffdd00", pattern="^#[0-9a-f]{6}$")


class ModelDescription(_Described):
    """One version of a model. ``card`` is None if it has none, ``overlay`` if its answers have no mask to draw."""

    name: str
    version: str
    weights: Weights
    card: ModelCard | None = None
    overlay: Overlay | None = None
    decode_bytes: int | None = Field(
        default=None, gt=0, description="Most bytes that a PNG's pixels may have, to be decoded in the model's time."
    )
    jpeg_decode_bytes: int | None = Field(
        default=None, gt=0, description="Most bytes that a JPEG's scans may take, to be decoded in the model's time."
    )


def load_descriptions(path: Path) -> list[ModelDescription]:
    """Read the file; if it does not exist, no model is described. Raises InvalidSetting if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
        found = json.loads(content)
        return [ModelDescription.model_validate(each) for each in found["models"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, ValidationError, LookupError, TypeError, RecursionError) as error:
        raise InvalidSetting(f"{path} does not describe models. Write it again: make models.") from error
