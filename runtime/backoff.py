"""How long to wait before a retry. Pure."""

from __future__ import annotations


def backoff(tries: int, base_seconds: float, cap_seconds: float, jitter: float) -> float:
    """Return the wait in seconds after ``tries`` failures; ``jitter`` is a random number, uniform in [0, 1).

    Exponential backoff with full jitter. Source: Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """
    return jitter * min(cap_seconds, base_seconds * 2.0 ** min(tries, 30))
