"""Whether to ask again, and when. Pure: of what happened, how often, and a random number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

NOT_PROCESSED = frozenset({429, 503})
"""The server did not carry the request out and says so: asking again is safe for every request."""
OUTCOME_UNKNOWN = frozenset({502, 504})
"""A proxy does not know what became of the request: asking again is safe for what may be done twice."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is tried: ``max_tries`` in all, and ``max_wait_seconds`` between them in all."""

    max_tries: int = 6
    max_wait_seconds: float = 30.0
    first_pause_seconds: float = 0.25
    max_pause_seconds: float = 8.0


def may_retry_status(status: int, *, idempotent: bool) -> bool:
    """Return whether a request may be sent again after this answer."""
    return status in NOT_PROCESSED or (idempotent and status in OUTCOME_UNKNOWN)


def pause_before_retry(
    policy: RetryPolicy, tries: int, waited: float, requested: float | None, jitter: float
) -> float | None:
    """Return the seconds to wait before the next try, or None when it is time to give up.

    ``tries`` were made, ``waited`` seconds were spent between them, ``requested`` is what the server wants
    (Retry-After). ``jitter`` in [0, 1) spreads many clients over the time, so that they do not all return at the same
    moment.
    """
    if tries >= policy.max_tries:
        return None
    upper_bound = min(policy.max_pause_seconds, policy.first_pause_seconds * 2 ** (tries - 1))
    # What the server asks for is a least, and what is thought up here a most.
    seconds = jitter * upper_bound if requested is None else requested + jitter * policy.first_pause_seconds
    return seconds if waited + seconds <= policy.max_wait_seconds else None


def parse_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
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
