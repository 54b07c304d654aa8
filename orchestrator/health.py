"""``python -m orchestrator.health``: the health check of the orchestrator on this machine.

An orchestrator listens on no port. It touches the file that SHOWCASE_HEALTH_FILE names after every sweep that reached
both the database and the broker; the check reads how old the file is.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from runtime.settings import variable

MAX_AGE_SECONDS = 20.0
"""A few sweeps may fail in a row: a database restarts within this time."""


def touch(path: Path) -> None:
    """Record that the orchestrator is healthy now."""
    path.touch()


def problem(path: Path, now: float) -> str | None:
    """Return what is wrong, or None."""
    try:
        age = now - path.stat().st_mtime
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}): no sweep has succeeded yet"
    return f"the last successful sweep was {age:.0f} s ago" if age > MAX_AGE_SECONDS else None


def main() -> int:
    """Check once and write any problem to standard error; return the exit status."""
    name = variable("health_file")
    path = os.environ.get(name)
    reason = problem(Path(path), time.time()) if path else f"{name} names no file"
    if reason:
        sys.stderr.write(f"python -m orchestrator.health: {reason}.\n")
    return int(reason is not None)


if __name__ == "__main__":
    sys.exit(main())
