"""The models' descriptions, from their cards: ``<store>/models.json``, which the gateway's catalogue shows.

A card is Markdown. Its first heading is the title, the paragraph below it the summary; the first table whose columns
are a measure, ``value`` and an interval holds the key figures; the section ``Licence`` is the licence.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "models.json"
CARD = "MODEL_CARD.md"
_FIGURE_COLUMNS = 3


def describe(
    folder: Path,
    name: str,
    version: str,
    weights: Path,
    overlay: dict[str, Any] | None = None,
    decode_bytes: int | None = None,
    jpeg_decode_bytes: int | None = None,
) -> dict[str, Any]:
    """Return the description of the model in ``folder``; ``card`` is left out where there is no card.

    ``overlay`` is what :func:`services.common.overlays.read_overlay` returns.
    """
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    described: dict[str, Any] = {
        "name": name,
        "version": version,
        "weights": {"digest": f"sha256:{digest}", "bytes": weights.stat().st_size},
    }
    if decode_bytes is not None:
        described["decode_bytes"] = decode_bytes
    if jpeg_decode_bytes is not None:
        described["jpeg_decode_bytes"] = jpeg_decode_bytes
    card = folder / CARD
    if card.is_file():
        described["card"] = read_card(card.read_text())
    if overlay is not None:
        described["overlay"] = overlay
    return described


def read_card(text: str) -> dict[str, Any]:
    """Return a card's title, summary, figures and licence, and its whole text."""
    lines = text.splitlines()
    title = next((line[2:].strip() for line in lines if line.startswith("# ")), "")
    body = text.partition(f"# {title}")[2] if title else text
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", body) if part.strip()]
    licence = re.search(r"^## Licence[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {
        "title": title,
        "summary": " ".join(paragraphs[0].split()) if paragraphs and not paragraphs[0].startswith("#") else "",
        "figures": _figures(lines),
        "licence": " ".join(licence[1].split()) if licence else None,
        "text": text,
    }


def _figures(lines: list[str]) -> list[dict[str, str]]:
    rows = iter(lines)
    for line in rows:
        header = _cells(line)
        if len(header) == _FIGURE_COLUMNS and header[1] == "value":
            next(rows, "")  # the line below the header
            break
    figures = []
    for line in rows:
        cells = _cells(line)
        if len(cells) != _FIGURE_COLUMNS:
            break
        figure = {"name": cells[0].removeprefix("- "), "value": cells[1]}
        figures.append(figure | ({"interval": cells[2]} if cells[2] else {}))
    return figures


def _cells(line: str) -> list[str]:
    inside = line.strip()
    if not inside.startswith("|") or not inside.endswith("|"):
        return []
    return [cell.strip() for cell in inside.strip("|").split("|")]


def write(store: Path, described: Iterable[dict[str, Any]]) -> bool:
    """Write the file, whole or not at all. Returns False when it holds the same already."""
    content = json.dumps({"models": list(described)}, indent=1, ensure_ascii=False) + "\n"
    target = store / FILE
    if target.is_file() and target.read_text() == content:
        return False
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=store, prefix=".models-", delete=False) as file:
        file.write(content)
    made = Path(file.name)
    made.chmod(0o644)
    os.replace(made, target)
    return True
