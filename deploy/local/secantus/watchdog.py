"""Ends the embedded database when it runs and does not answer, or when its disk is nearly full.

``python -m deploy.local.secantus.watchdog --home DIR`` takes the database's URL from SHOWCASE_MONGO_URL. The supervisor
then starts the database again. A supervisor sees only whether a process exists. SecantusDB can hang under large writes
with an open snapshot, and then never recovers; since it journals every write that it acknowledged, ending it loses
nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.errors import ClusterError
from deploy.local.reporting import pid_of
from deploy.local.secantus.disk_guard import START_MEGABYTES, STOP_MEGABYTES, missing_space

PART = "database"
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 4.0
UNANSWERED_IDLE = 3
"""Unanswered reads in a row, of one process, before it is ended: about eighteen seconds."""

UNANSWERED_BUSY = 30
"""The same for a process that uses the CPU meanwhile: about three minutes. Building an index makes every client wait,
ten seconds with 200,000 stored submissions. Not longer, because a process that hangs may use the CPU, too."""

BUSY_SHARE = 0.1
"""Of a core. A stopped process or one that hangs uses next to nothing; one that works shares its cores with others."""


class Watch:
    """Counts the unanswered reads of one process; a new process starts with none."""

    def __init__(self, idle: int = UNANSWERED_IDLE, total: int = UNANSWERED_BUSY) -> None:
        self._most_idle = idle
        self._most_total = total
        self._pid = 0
        self._idle = self._total = 0

    def judge(self, pid: int, answered: bool, busy: bool = False) -> bool:
        """Record one check. Returns whether the process ``pid`` should be ended now.

        ``busy``: it uses the CPU, so that it may answer when it is done.
        """
        if pid != self._pid or answered:
            self._pid = pid
            self._idle = self._total = 0
        if answered:
            return False
        self._total += 1
        self._idle = 0 if busy else self._idle + 1
        if self._idle < self._most_idle and self._total < self._most_total:
            return False
        self._idle = self._total = 0
        return True


def reads(url: str) -> bool:
    """Return whether a read is answered. One that hangs still answers ``hello``."""
    milliseconds = round(ANSWER_SECONDS * 1000)
    client: MongoClient[dict[str, Any]] = MongoClient(
        url, timeoutMS=milliseconds, serverSelectionTimeoutMS=milliseconds, serverMonitoringMode="poll"
    )
    with client:
        try:
            client["showcase"]["submissions"].find_one({"_id": ""})
        except PyMongoError:
            return False
    return True


class CpuUse:
    """How busy a process was between two checks. One that builds an index uses the CPU; one that hangs waits."""

    def __init__(self) -> None:
        self._last: tuple[int, float, float] | None = None

    def busy(self, pid: int, at: float, used: float) -> bool:
        """Return whether ``pid`` used the CPU for BUSY_SHARE of the time since the last check.

        ``at`` and ``used`` are in seconds: by a steady clock, and of all cores together.
        """
        last, self._last = self._last, (pid, at, used)
        if last is None or last[0] != pid or at <= last[1]:
            return False
        return (used - last[2]) / (at - last[1]) >= BUSY_SHARE


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far; 0 for one that has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def watch(home: Path, ask: Callable[[], bool]) -> None:
    """Check every few seconds, until the supervisor ends this process."""
    folder = home / PART
    state, cpu = Watch(), CpuUse()
    while True:
        time.sleep(PAUSE_SECONDS)
        try:
            pid = pid_of(home, PART)
        except ClusterError:
            continue  # it is being started or stopped
        answered = ask()
        busy = cpu.busy(pid, time.monotonic(), cpu_seconds(pid))
        if sentence := missing_space(folder, STOP_MEGABYTES):
            if answered:  # else it waits for space already
                print(sentence, flush=True)
                os.kill(pid, signal.SIGTERM)
        elif missing_space(folder, START_MEGABYTES) and not answered:
            continue  # it waits for space
        elif state.judge(pid, answered, busy):
            print(f"the database (process {pid}) does not answer: ending it", flush=True)
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.local.secantus.watchdog", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder")
    given = parser.parse_args()
    url = os.environ["SHOWCASE_MONGO_URL"]
    watch(given.home, lambda: reads(url))
