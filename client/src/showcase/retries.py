"""Decide whether and when to retry a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

NOT_PROCESSED = frozenset({429, 503})
"""The server says that it did not process the request: a retry is safe for every request."""
OUTCOME_UNKNOWN = frozenset({502, 504})
"""A proxy does not know whether the server processed the request: a retry is safe for idempotent requests."""


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of retries: the tries of one request, the sum of all pauses, and the first and the longest pause."""

    max_tries: int = 6
    max_wait_seconds: float = 30.0
    first_pause_seconds: float = 0.25
    max_pause_seconds: float = 8.0


def may_retry_status(status: int, *, idempotent: bool) -> bool:
    """Return whether the client may send the request again after this status."""
    return status in NOT_PROCESSED or (idempotent and status in OUTCOME_UNKNOWN)


def pause_before_retry(
    policy: RetryPolicy, tries: int, waited: float, requested: float | None, jitter: float
) -> float | None:
    """Return the seconds to wait before the next try, or None to give up: exponential backoff with full jitter.

    ``tries`` counts the tries so far, ``waited`` the seconds of pauses between them. ``requested`` is the server's
    Retry-After in seconds. ``jitter`` in [0, 1) spreads the retries of many clients over time.
    Source: Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """
    if tries >= policy.max_tries:
        return None
    upper_bound = min(policy.max_pause_seconds, policy.first_pause_seconds * 2 ** (tries - 1))
    # The server's value is a lower bound; the client's own backoff is an upper bound.
    seconds = jitter * upper_bound if requested is None else requested + jitter * policy.first_pause_seconds
    return seconds if waited + seconds <= policy.max_wait_seconds else None


def parse_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds of ``Retry-After``, a number or a date; None when the header is missing or malformed."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
