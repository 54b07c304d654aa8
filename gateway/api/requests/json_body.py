"""Reads JSON that a client sent: bounded in its depth, and without a name that comes twice. Pure."""

from __future__ import annotations

import json
from typing import Any

from contracts.errors import InvalidRequest


def read_json(text: str | bytes, place: str, example: str) -> Any:
    """Return what ``text`` says. Raises InvalidRequest, which names ``place`` and shows the ``example``.

    A name that comes twice in one object is refused: RFC 8259 leaves open which one counts, so that one would be lost.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except _Refused as error:
        raise InvalidRequest(f"{place} {error}") from error
    except RecursionError as error:
        raise InvalidRequest(f"{place} is nested too deeply. Send {example}.") from error
    except ValueError as error:
        raise InvalidRequest(f"{place} is not JSON. Send {example}.") from error


class _Refused(ValueError):
    """JSON that could be parsed, and says something that is not read."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise _Refused(f"names {twice[:64]!r} twice. Name it once.")
    return found


def _no_constant(name: str) -> float:
    raise _Refused(f"holds {name}, which is no JSON number (RFC 8259).")
