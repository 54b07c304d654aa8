"""When a webhook is sent again, and when delivery is given up. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

MINUTE, HOUR = 60, 3600

SCHEDULE_SECONDS = (0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""The schedule of the Standard Webhooks specification: the pause before each attempt."""

JITTER = 0.1
"""Each pause is up to this share longer, so that deliveries that failed together are not repeated together."""

LONGEST_PAUSE_SECONDS = 24 * HOUR


@dataclass(frozen=True)
class Delivered:
    """The receiver accepted it."""


@dataclass(frozen=True)
class TryAgain:
    seconds: float


@dataclass(frozen=True)
class GiveUp:
    reason: str


Move = Delivered | TryAgain | GiveUp


def next_move(tries: int, status: int | None, retry_after_seconds: float | None, uniform: Callable[[], float]) -> Move:
    """Return what follows from an attempt, the ``tries``-th (from 1) of the schedule.

    ``status`` is what the receiver answered, None if it did not. ``uniform`` returns random numbers in [0, 1).
    """
    if status is not None and 200 <= status <= 299:
        return Delivered()
    if status == HTTPStatus.GONE:
        return GiveUp("the receiver is gone (410)")
    if tries >= len(SCHEDULE_SECONDS):
        return GiveUp(f"{tries} attempts failed")
    asked = min(retry_after_seconds or 0.0, LONGEST_PAUSE_SECONDS)
    return TryAgain(max(asked, SCHEDULE_SECONDS[tries]) * (1 + JITTER * uniform()))
