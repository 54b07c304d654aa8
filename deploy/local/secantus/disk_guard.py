"""Protects the embedded database from a full disk: it is stopped before that, and started when there is space again.

``python -m deploy.local.secantus.disk_guard --folder DIR -- COMMAND…`` waits for space on the folder's disk and then
execs the command; the watchdog stops it. On a full disk the storage engine stops in the middle of a write; started
again without space, WiredTiger truncates its journal, fails, and can never read that journal again. Stopped in time, it
closes its files in order.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

STOP_MEGABYTES = 192
"""Below this the database is stopped. Between two checks (2 s) it writes far less."""

START_MEGABYTES = 256
"""From this on it is started. The difference leaves space for what a start writes (journal files of 10 MB, replayed
pages), so that the database does not start and stop in turns."""

PAUSE_SECONDS = 2.0
REPEAT_SECONDS = 60.0


def free_megabytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 2**20


def missing_space(folder: Path, megabytes: int) -> str:
    """Return a sentence when fewer than ``megabytes`` are free on the folder's disk, else an empty text."""
    free = free_megabytes(folder)
    if free >= megabytes:
        return ""
    return (
        f"the disk of {folder} is full ({free} MB free): the database starts when {START_MEGABYTES} MB are free. "
        "Until then no submission is accepted; accepted ones are not lost. Free some space."
    )


def wait_for_space(folder: Path) -> None:
    """Return when there is space for the database; print once a minute that there is not. A signal ends the wait."""
    printed_at = -REPEAT_SECONDS
    while sentence := missing_space(folder, START_MEGABYTES):
        if time.monotonic() - printed_at >= REPEAT_SECONDS:
            printed_at = time.monotonic()
            print(sentence, flush=True)
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.secantus.disk_guard", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the database keeps its files")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    given = parser.parse_args()
    wait_for_space(given.folder)
    os.execv(given.command[0], given.command)


if __name__ == "__main__":
    main()
