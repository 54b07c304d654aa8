"""Whether to ask again, and when. Pure: of what happened, how often, and a random number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

REFUSED_FOR_NOW = frozenset({429, 503})
"""The server did not carry the request out and says so: asking again is safe for every request."""
PASSED_ON_IN_VAIN = frozenset({502, 504})
"""A proxy does not know what became of the request: asking again is safe for what may be done twice."""


@dataclass(frozen=True)
class Patience:
    """How often and how long a request is tried: ``tries`` in all, ``seconds`` of waiting between them in all."""

    tries: int = 6
    seconds: float = 30.0
    first_seconds: float = 0.25
    longest_seconds: float = 8.0


def safe_after_status(status: int, *, repeatable: bool) -> bool:
    """Return whether a request may be sent again after this answer."""
    return status in REFUSED_FOR_NOW or (repeatable and status in PASSED_ON_IN_VAIN)


def pause(patience: Patience, tries: int, waited: float, asked: float | None, chance: float) -> float | None:
    """Return the seconds to wait before the next try, or None when it is time to give up.

    ``tries`` were made, ``waited`` seconds were spent between them, ``asked`` is what the server wants (Retry-After).
    ``chance`` in [0, 1) spreads many clients over the time, so that they do not all return at the same moment.
    """
    if tries >= patience.tries:
        return None
    most = min(patience.longest_seconds, patience.first_seconds * 2 ** (tries - 1))
    # What the server asks for is a least, and what is thought up here a most.
    seconds = chance * most if asked is None else asked + chance * patience.first_seconds
    return seconds if waited + seconds <= patience.seconds else None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds of ``Retry-After``, given as a number or as a date; None when there is none to read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
