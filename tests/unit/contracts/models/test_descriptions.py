"""The file that tells of the models: read whole, refused with a sentence, and made out of cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import InvalidSetting
from contracts.models.descriptions import FILE_NAME, MAX_FILE_BYTES, load_descriptions
from services.common import descriptions

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
