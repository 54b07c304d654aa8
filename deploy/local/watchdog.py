"""Ends the embedded database when it lives and answers nobody, or when its disk is nearly full.

``python -m deploy.local.watchdog --home DIR --url URL``. The supervisor then starts it again. A supervisor sees only
whether a process is there. SecantusDB can come to stand still under large writes with an open snapshot, and then stays
so; since it journals every write that it acknowledged, ending it loses nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.errors import ClusterError
from deploy.local.reporting import pid_of
from deploy.local.room import START_MEGABYTES, STOP_MEGABYTES, lack

PART = "database"
PAUSE_SECONDS = 2.0
ANSWER_SECONDS = 4.0
STRIKES = 3
"""Failures in a row, of one and the same process, before it is ended: some eighteen seconds of silence."""


class Watch:
    """Counts the silences of one process; another process starts with none."""

    def __init__(self, strikes: int = STRIKES) -> None:
        self._limit = strikes
        self._pid = 0
        self._strikes = 0

    def judge(self, pid: int, answered: bool) -> bool:
        """Take one look's outcome. Returns whether the process ``pid`` should be ended now."""
        if pid != self._pid or answered:
            self._pid, self._strikes = pid, 0
        if answered:
            return False
        self._strikes += 1
        if self._strikes < self._limit:
            return False
        self._strikes = 0
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


def watch(home: Path, ask: Callable[[], bool]) -> None:
    """Look every few seconds, until the supervisor ends this process."""
    folder = home / PART
    state = Watch()
    while True:
        time.sleep(PAUSE_SECONDS)
        try:
            pid = pid_of(home, PART)
        except ClusterError:
            continue  # it is being started or stopped
        answered = ask()
        if sentence := lack(folder, STOP_MEGABYTES):
            if answered:  # else it waits for room already
                print(sentence, flush=True)
                os.kill(pid, signal.SIGTERM)
        elif lack(folder, START_MEGABYTES) and not answered:
            continue  # it waits for room
        elif state.judge(pid, answered):
            print(f"the database (process {pid}) does not answer: ending it", flush=True)
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deploy.local.watchdog", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder")
    parser.add_argument("--url", required=True, help="the database's address")
    given = parser.parse_args()
    watch(given.home, lambda: reads(given.url))
