"""At most one large picture is with each model: the threads of this process stay free for all others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LargePictures:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._with: set[str] = set()

    @contextmanager
    def turn(self, model: str) -> Iterator[bool]:
        """Say whether it is this caller's turn; if so, it is nobody else's until the block ends. Never waits."""
        with self._lock:
            free = model not in self._with
            self._with.add(model)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._with.discard(model)
