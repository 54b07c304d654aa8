"""How long tests wait for what must happen. A machine may be slow at any moment: only what never happens fails.

A wait costs nothing when what it waits for comes, so that one long bound serves every test. A test whose subject is a
deadline sets that deadline itself, and asserts what is raised, not how long it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import requests

PATIENCE = 300.0
"""In seconds. Below ``timeout`` in pyproject.toml, so that a wait that fails says itself what did not happen."""

POLL_SECONDS = 0.02


def eventually(condition: Callable[[], object], what: str = "it did not happen") -> None:
    """Wait until ``condition`` is true; a connection that breaks does not end the wait. Fails with ``what``."""
    end = time.monotonic() + PATIENCE
    said = what
    while True:
        try:
            if condition():
                return
            said = what
        except requests.RequestException as error:
            said = f"{what}: {error}"
        assert time.monotonic() < end, said
        time.sleep(POLL_SECONDS)
