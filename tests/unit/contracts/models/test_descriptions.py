"""The file that tells of the models: read whole, refused with a sentence, and made out of cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import InvalidSetting
from contracts.models.descriptions import FILE_NAME, MAX_FILE_BYTES, Overlay, load_descriptions
from services.common import descriptions, overlays

CARD = """# Brightness 1.0.0

Says how bright
a picture is.

## Figures
| measure | value | 95 % interval |
|---|---|---|
| accuracy | 0.9 | 0.8 to 1.0 |
| - of it, at night | 0.7 | |

| other | columns |
|---|---|
| a | b |

## Licence
CC0, as its
data.

## Limits
None.
"""


def test_a_card_becomes_its_parts(tmp_path: Path) -> None:
    (tmp_path / "MODEL_CARD.md").write_text(CARD)
    (tmp_path / "w").write_bytes(b"weights")
    assert descriptions.FILE == FILE_NAME
    told = descriptions.describe(tmp_path, "brightness", "1.0.0", tmp_path / "w")
    assert descriptions.write(tmp_path, [told])
    assert not descriptions.write(tmp_path, [told])
    (found,) = load_descriptions(tmp_path / FILE_NAME)
    assert found.card is not None
    assert (found.card.title, found.card.summary) == ("Brightness 1.0.0", "Says how bright a picture is.")
    assert found.card.licence == "CC0, as its data."
    assert [(each.name, each.value, each.interval) for each in found.card.figures] == [
        ("accuracy", "0.9", "0.8 to 1.0"),
        ("of it, at night", "0.7", None),
    ]
    assert found.weights.bytes == 7


@pytest.mark.parametrize("text", ["", "no heading", "# Title", "| a | value | b |", "## Licence"])
def test_a_card_may_lack_anything(tmp_path: Path, text: str) -> None:
    (tmp_path / "MODEL_CARD.md").write_text(text)
    (tmp_path / "w").write_bytes(b"")
    descriptions.write(tmp_path, [descriptions.describe(tmp_path, "m", "1", tmp_path / "w")])
    (found,) = load_descriptions(tmp_path / FILE_NAME)
    assert found.card is not None
    assert found.card.figures == []


def test_without_a_card_there_is_none_and_without_a_file_nothing(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"")
    descriptions.write(tmp_path, [descriptions.describe(tmp_path, "m", "1", tmp_path / "w")])
    assert load_descriptions(tmp_path / FILE_NAME)[0].card is None
    assert load_descriptions(tmp_path / "nothing.json") == []


@pytest.mark.parametrize("content", ["", "[]", '{"models": 1}', '{"models": [{"name": "x"}]}', "[" * 100_000])
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(InvalidSetting, match="make models"):
        load_descriptions(tmp_path / FILE_NAME)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(InvalidSetting, match=FILE_NAME):
        load_descriptions(tmp_path / FILE_NAME)
    with pytest.raises(InvalidSetting, match="cannot be read"):
        load_descriptions(tmp_path)


def described(folder: Path, overlay: dict[str, Any]) -> Path:
    (folder / "w").write_bytes(b"")
    descriptions.write(folder, [descriptions.describe(folder, "m", "1", folder / "w", overlay)])
    return folder / FILE_NAME


@pytest.mark.parametrize(
    "section",
    [
        {"mask": "mask"},
        {"mask": "m" * 64, "channel": "blue", "fill": "#012def", "fill_opacity": 1, "contour": "#ffffff"},
        {"mask": "mask", "fill_opacity": 0},
    ],
)
def test_an_overlay_is_read_as_it_was_written(tmp_path: Path, section: dict[str, Any]) -> None:
    path = described(tmp_path, overlays.read_overlay(section))
    assert load_descriptions(path)[0].overlay == Overlay.model_validate(section)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"mask": ""},
        {"mask": "m" * 65},
        {"mask": "mask", "channel": "alpha"},
        {"mask": "mask", "fill": "red"},
        {"mask": "mask", "contour": "#FFFFFF"},
        {"mask": "mask", "contour": "#ffffff\n"},
        {"mask": "mask", "fill_opacity": 1.1},
        {"mask": "mask", "fill_opacity": -0.1},
    ],
)
def test_writer_and_reader_refuse_the_same_overlays(tmp_path: Path, section: dict[str, Any]) -> None:
    with pytest.raises(overlays.InvalidOverlay):
        overlays.read_overlay(section)
    with pytest.raises(InvalidSetting, match="make models"):
        load_descriptions(described(tmp_path, section))
