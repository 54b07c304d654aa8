"""The real clock, whose sleeps end when the process is asked to stop."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class SystemClock:
    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        """Wake every sleeper and let no one sleep again."""
        self._stopped.set()
