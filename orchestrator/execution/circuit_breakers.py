"""Circuit breakers, one for each model: a model that does not answer gets one trial call at a time.

A picture that makes its call fail is no reason to stop the calls for others. So a fault that a picture can cause (a
timeout, a crash, an overload) counts once for each submission, and one that none can cause (its server accepts no
connection, or does not serve the model) counts every time.

Source: Nygard, "Release It!", 2nd edition, 2018, chapter 5. Pure except for its lock; the caller passes the time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from contracts.orchestrators.status import BreakerState
from contracts.submissions.states import ServedState

FAILURE_THRESHOLD = 5
"""Counted faults without an answer between them that open a model's breaker."""

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 30.0


@dataclass
class _Breaker:
    failures: int = 0
    pause_seconds: float = SHORTEST_SECONDS
    open_until: float = 0.0
    half_open: bool = False
    suspects: set[str] = field(default_factory=set)  # submissions whose faults were counted


@dataclass
class Breakers:
    """Thread-safe. Times are monotonic seconds."""

    _known: dict[str, _Breaker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, model: str, now: float) -> float:
        """Return 0 when the model may be called now, otherwise the seconds to wait.

        When the pause of an open breaker has ended, one call is admitted as a trial (half-open). Others wait until its
        outcome is known, or for as long as the pause lasts.
        """
        with self._lock:
            breaker = self._known.setdefault(model, _Breaker())
            if breaker.failures < FAILURE_THRESHOLD:
                return 0.0
            if now < breaker.open_until:
                return breaker.open_until - now
            breaker.open_until, breaker.half_open = now + breaker.pause_seconds, True
            return 0.0

    def state(self, model: str) -> ServedState:
        """Return the outcome of the model's last call."""
        with self._lock:
            breaker = self._known.get(model)
        if breaker is None:
            return ServedState.UNTRIED
        return ServedState.FAILING if breaker.failures else ServedState.ANSWERING

    def breaker(self, model: str, now: float) -> BreakerState:
        """Return whether the model is called at present.

        When its pause has ended, an open breaker stays open for as long again, unless a trial comes: with submissions
        that wait, one comes within that time, and until it has ended nothing shows that the model is back.
        """
        with self._lock:
            breaker = self._known.get(model)
        if breaker is None or breaker.failures < FAILURE_THRESHOLD:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < breaker.open_until + breaker.pause_seconds else BreakerState.HALF_OPEN

    def answered(self, model: str) -> None:
        """Record that the model answered; a refusal is an answer too."""
        with self._lock:
            self._known[model] = _Breaker()

    def failed(self, model: str, now: float, submission_id: str, *, of_server: bool) -> None:
        """Record that a call got no answer. Each failed trial doubles the pause; other calls leave it as it is.

        ``of_server``: whether no picture can be the cause. A fault that is not counted lets the next trial start at
        once: it says nothing about other pictures.
        """
        with self._lock:
            breaker = self._known.setdefault(model, _Breaker())
            if not of_server:
                if submission_id in breaker.suspects:
                    if breaker.half_open:
                        breaker.open_until, breaker.half_open = now, False
                    return
                breaker.suspects.add(submission_id)
            breaker.failures += 1
            if breaker.half_open:
                breaker.pause_seconds = min(breaker.pause_seconds * 2, LONGEST_SECONDS)
            if breaker.half_open or breaker.failures == FAILURE_THRESHOLD:
                breaker.open_until, breaker.half_open = now + breaker.pause_seconds, False
