"""What a person sees while a cluster starts and stops: one line per stage, with the seconds since the start."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints lines like ``[  3.2 s] database is ready``."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def say(self, sentence: str) -> None:
        """Print one line at once, also into a pipe."""
        sys.stdout.write(f"[{self.seconds():5.1f} s] {sentence}\n")
        sys.stdout.flush()
