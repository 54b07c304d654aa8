"""Writes submissions as NDJSON or CSV, line by line. Pure.

CSV has one column for each output of the published workflows (``result.label``), ordered by workflow name. Other fields
of a result, from versions that are no longer published, are JSON in ``result.other``. So the header is known before the
first row, and no row has to be held in memory.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.submissions.documents import Submission
from contracts.workflows.catalogue import Catalogue
from gateway.submissions.results import artifact_name

MAX_CONCURRENT_EXPORTS = 2
"""Each export occupies one of the server's threads and loads the database."""

BATCH = 200
CHUNK_BYTES = 32 * 1024
COLUMNS = (
    *("id", "workflow", "version", "state", "reason", "created_at", "started_at", "ended_at", "expires_at"),
    *("file_name", "media_type", "bytes", "width", "height", "sha256", "metadata"),
)
OTHER = "result.other"

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet treats a text that begins with one of these as a formula. Source: OWASP, "CSV Injection"."""


class Format(StrEnum):
    """The format of an export."""

    NDJSON = "ndjson"
    CSV = "csv"


def result_fields(catalogue: Catalogue, workflow: str | None = None) -> list[str]:
    """Return the output names of all versions, or of one workflow's, without duplicates. Retired ones have results."""
    entries = [entry for name, entry in sorted(catalogue.entries.items()) if workflow is None or name == workflow]
    named = [each for entry in entries for each in entry.workflows.values()]
    return list(dict.fromkeys(name for each in named for name in each.output))


def header(fields: Sequence[str]) -> str:
    return _line([*COLUMNS, *(f"result.{name}" for name in fields), OTHER])


def row(submission: Submission, fields: Sequence[str]) -> str:
    """Return one line of CSV (RFC 4180). An image appears as its artifact's name, without its bytes."""
    result = submission.result or {}
    other = {name: value for name, value in result.items() if name not in fields}
    image = submission.input
    return _line(
        [
            *(submission.id, submission.workflow.name, submission.workflow.version, submission.state.value),
            submission.reason,
            *(submission.created_at, submission.started_at, submission.ended_at, submission.expires_at),
            *(image.file_name, image.media_type, image.bytes, image.width, image.height, image.sha256),
            submission.metadata or None,
            *(result.get(name) for name in fields),
            other or None,
        ]
    )


def cell(value: object) -> str:
    """Return a value as the text of a cell. A text that looks like a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if (artifact := artifact_name(value)) is not None:
        value = artifact
    elif not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def in_chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Join lines into chunks of about CHUNK_BYTES. Lines that came before an error are not lost with it."""
    held: list[bytes] = []
    size = 0
    broken: Exception | None = None
    try:
        for line in lines:
            held.append(line.encode("utf-8", "replace"))
            size += len(held[-1])
            if size >= CHUNK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except Exception as error:  # noqa: BLE001  # raised again below, after what it must not take along
        broken = error
    if held:
        yield b"".join(held)
    if broken is not None:
        raise broken


def _line(values: Sequence[Any]) -> str:
    content = io.StringIO()
    csv.writer(content).writerow([cell(value) for value in values])
    return content.getvalue()
