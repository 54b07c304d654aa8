"""Ends the embedded database when it lives and answers nobody, or when its disk is nearly full.

``python -m deploy.local.secantus.watchdog --home DIR --url URL``. The supervisor then starts it again. A supervisor
sees only whether a process is there. SecantusDB can come to stand still under large writes with an open snapshot, and
then stays so; since it journals every write that it acknowledged, ending it loses nothing.
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
from deploy.local.secantus.disk_guard import START_MEGABYTES, STOP_MEGABYTES, lacking_space

PART = "database"
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 4.0
STRIKES = 3
"""Failures in a row, of one and the same process, before it is ended: some eighteen seconds of silence."""

SILENCES = 30
"""Failures in a row when it computes meanwhile: some three minutes. Making an index holds everybody up, for ten seconds
when 200,000 submissions are stored. No longer, because one that stands still may turn in circles, too."""

BUSY_SHARE = 0.1
"""Of a core. One that is stopped or stands still uses next to nothing; one that works shares its cores with others."""


class Watch:
    """Counts the silences of one process; another process starts with none."""

    def __init__(self, strikes: int = STRIKES, silences: int = SILENCES) -> None:
        self._most_strikes = strikes
        self._most_silences = silences
        self._pid = 0
        self._strikes = self._silences = 0

    def judge(self, pid: int, answered: bool, busy: bool = False) -> bool:
        """Take one look's outcome. Returns whether the process ``pid`` should be ended now.

        ``busy``: it computes, so that it may answer once it is done.
        """
        if pid != self._pid or answered:
            self._pid = pid
            self._strikes = self._silences = 0
        if answered:
            return False
        self._silences += 1
        self._strikes = 0 if busy else self._strikes + 1
        if self._strikes < self._most_strikes and self._silences < self._most_silences:
            return False
        self._strikes = self._silences = 0
        return True


def reads(url: str) -> bool:
    """Return whether a read is answered. A greeting would be, even by a database that stands still."""
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


class Pace:
    """How busy a process was between two looks. One that makes an index computes; one that stands still waits."""

    def __init__(self) -> None:
        self._last: tuple[int, float, float] | None = None

    def busy(self, pid: int, at: float, used: float) -> bool:
        """Return whether ``pid`` has computed for BUSY_SHARE of the time since the last look.

        ``at`` and ``used`` are in seconds: by a steady clock, and of all cores together.
        """
        last, self._last = self._last, (pid, at, used)
        if last is None or last[0] != pid or at <= last[1]:
            return False
        return (used - last[2]) / (at - last[1]) >= BUSY_SHARE


def cpu_seconds(pid: int) -> float:
    """Return what a process has computed so far; 0 for one that is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def watch(home: Path, ask: Callable[[], bool]) -> None:
    """Look every few seconds, until the supervisor ends this process."""
    folder = home / PART
    state, pace = Watch(), Pace()
    while True:
        time.sleep(PAUSE_SECONDS)
        try:
            pid = pid_of(home, PART)
        except ClusterError:
            continue  # it is being started or stopped
        answered = ask()
        busy = pace.busy(pid, time.monotonic(), cpu_seconds(pid))
        if sentence := lacking_space(folder, STOP_MEGABYTES):
            if answered:  # else it waits for room already
                print(sentence, flush=True)
                os.kill(pid, signal.SIGTERM)
        elif lacking_space(folder, START_MEGABYTES) and not answered:
            continue  # it waits for room
        elif state.judge(pid, answered, busy):
            print(f"the database (process {pid}) does not answer: ending it", flush=True)
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.local.secantus.watchdog", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder")
    parser.add_argument("--url", required=True, help="the database's address")
    given = parser.parse_args()
    watch(given.home, lambda: reads(given.url))
