"""Circuit breakers, one a model: a model that does not answer is asked by one call at a time, not by every thread.

Source: Nygard, "Release It!", 2nd edition, 2018, chapter 5. Pure but for its lock; whoever calls gives the time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

FAILURES = 5
"""Calls in a row without an answer after which a model counts as away. One bad picture does not come that far: the
answers to others lie between its tries."""

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 30.0


@dataclass
class _Breaker:
    failures: int = 0
    pause_seconds: float = SHORTEST_SECONDS
    closed_until: float = 0.0


@dataclass
class Breakers:
    """Thread-safe. Times are monotonic seconds."""

    _known: dict[str, _Breaker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_seconds(self, model: str, now: float) -> float:
        """Return how long to leave the model alone; 0 when it may be called. Of a model that is away, that one call
        is the trial: until its outcome is known, or for as long as the pause lasts, others are told to wait."""
        with self._lock:
            breaker = self._known.setdefault(model, _Breaker())
            if breaker.failures < FAILURES:
                return 0.0
            if now < breaker.closed_until:
                return breaker.closed_until - now
            breaker.closed_until = now + breaker.pause_seconds
            return 0.0

    def answered(self, model: str) -> None:
        """Note that the model answered, be it with a refusal."""
        with self._lock:
            self._known[model] = _Breaker()

    def failed(self, model: str, now: float) -> None:
        """Note that a call got no answer. Each failed trial doubles the pause."""
        with self._lock:
            breaker = self._known.setdefault(model, _Breaker())
            breaker.failures += 1
            if breaker.failures > FAILURES:
                breaker.pause_seconds = min(breaker.pause_seconds * 2, LONGEST_SECONDS)
            if breaker.failures >= FAILURES:
                breaker.closed_until = now + breaker.pause_seconds
