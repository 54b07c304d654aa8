"""Workflows to check or publish: a text or a file, its media type, and the name and version that it gives itself."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from showcase.errors import FileUnreadable

YAML = "application/yaml"
JSON = "application/json"

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
"""What can stand in an address. What cannot is no name and no version, which the server says with its place."""

WorkflowSource = str | PathLike[str]
"""A path, or the text of a workflow. A text of one line that is no JSON object is taken as a path."""


@dataclass(frozen=True)
class WorkflowFile:
    """A workflow's text as it is sent; ``name`` and ``version`` are empty where the text does not give them."""

    content: bytes
    media_type: str
    name: str
    version: str


def read_workflow(source: WorkflowSource) -> WorkflowFile:
    """Read a workflow without checking it, which is the server's part. Raises FileUnreadable."""
    content = source.encode() if isinstance(source, str) and _is_text(source) else _read(Path(source))
    document, media_type = _parse(content)
    fields = document if isinstance(document, dict) else {}
    return WorkflowFile(content, media_type, _word(fields.get("workflow")), _word(fields.get("version")))


def _is_text(source: str) -> bool:
    return "\n" in source or source.lstrip().startswith("{")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileUnreadable(f"{path} cannot be read: {reason}.") from error


def _parse(content: bytes) -> tuple[Any, str]:
    try:
        return json.loads(content), JSON
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(content), YAML
    except (yaml.YAMLError, ValueError, RecursionError):
        return None, YAML


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.match(value) else ""
