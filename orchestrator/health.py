"""``python -m orchestrator.health``: whether the orchestrator of this machine works, for health checks.

An orchestrator listens on no port. It touches the file that SHOWCASE_HEALTH_FILE names after every sweep that found
both the database and the broker there; the check looks at how old that is.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from runtime.settings import variable

MAX_AGE_SECONDS = 20.0
"""Some sweeps may fail in a row: the database starts again within this time."""


def touch(path: Path) -> None:
    """Say that all is well now."""
    path.touch()


def problem(path: Path, now: float) -> str | None:
    """Return what is wrong, or None."""
    try:
        age = now - path.stat().st_mtime
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}): no sweep has succeeded yet"
    return f"the last successful sweep was {age:.0f} s ago" if age > MAX_AGE_SECONDS else None


def main() -> int:
    """Check once; what is wrong goes to standard error."""
    name = variable("health_file")
    path = os.environ.get(name)
    reason = problem(Path(path), time.time()) if path else f"{name} names no file"
    if reason:
        sys.stderr.write(f"python -m orchestrator.health: {reason}.\n")
    return int(reason is not None)


if __name__ == "__main__":
    sys.exit(main())
