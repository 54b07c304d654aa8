"""How often each part ended by itself and was started again, as the supervisor's log has it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import last_lines

LINES_READ = 5000
CRASHES = 5
WINDOW_SECONDS = 300
STABLE_SECONDS = 60
"""A part crash-loops when it ended by itself CRASHES times within WINDOW_SECONDS and has run for less than
STABLE_SECONDS. The gateway judges orchestrators by the same figures (gateway/readiness/judgement.py)."""

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ \w+ (supervisord started|exited: (\S+) \()")


@dataclass(frozen=True)
class Restarts:
    """``ends`` are the times, in seconds since 1970, at which a part ended without being asked to."""

    ends: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        return len(self.ends)

    def recent(self, now: float) -> int:
        """Return how many of them lie within the last WINDOW_SECONDS."""
        return sum(now - WINDOW_SECONDS <= each for each in self.ends)

    def crash_loop(self, now: float, uptime_seconds: int) -> str | None:
        """Return a sentence if the part keeps ending, or None."""
        recent = self.recent(now)
        if recent < CRASHES or uptime_seconds >= STABLE_SECONDS:
            return None
        return f"it ended by itself {recent} times in the last {WINDOW_SECONDS // 60} minutes"


def restarts_in(lines: list[str]) -> dict[str, Restarts]:
    """Return the restarts of each part since the supervisor's last start. Pure but for the local time zone."""
    found: dict[str, tuple[float, ...]] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        at, _, name = match.groups()
        if name is None:
            found = {}
        else:
            found[name] = (*found.get(name, ()), time.mktime(time.strptime(at, "%Y-%m-%d %H:%M:%S")))
    return {name: Restarts(ends) for name, ends in found.items()}


def restarts_of(home: Path) -> dict[str, Restarts]:
    """Return the restarts of the parts of the cluster in ``home``; a part that never ended by itself is left out."""
    return restarts_in(last_lines(home / "logs" / "supervisor.log", LINES_READ))
