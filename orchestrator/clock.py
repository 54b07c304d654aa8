"""The real clock, whose sleeps end when the process is asked to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime


class SystemClock:
    """``now`` tells the database's time: this machine's own date may be hours off, and nothing is judged by it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return self._now()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        """Wake every sleeper and let no one sleep again."""
        self._stopped.set()
