"""Keeps the embedded database away from a full disk: it is ended before one, and started again when there is room.

``python -m deploy.local.secantus.disk_guard --folder DIR -- COMMAND…`` becomes the command once its folder's disk has
room. A storage engine that meets a full disk stops in the middle of a write; started again without room, WiredTiger
cuts its journal down, fails, and can never read that journal again. Ended before, it closes its files in order.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

STOP_MEGABYTES = 192
"""Below, the database is ended. Between two looks (2 s) it writes far less."""

START_MEGABYTES = 256
"""From here on it is started. What it writes then (journal files of 10 MB, the pages that it replays) fits in, and
it is more than above, so that it does not start and stop by turns."""

PAUSE_SECONDS = 2.0
SAYING_SECONDS = 60.0


def free_megabytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 2**20


def lacking_space(folder: Path, megabytes: int) -> str:
    """Return what is lacking as a sentence; empty when so many megabytes are free."""
    free = free_megabytes(folder)
    if free >= megabytes:
        return ""
    return (
        f"the disk of {folder} is full ({free} MB free): the database is started once {START_MEGABYTES} MB are. "
        "Until then nothing is accepted; nothing that was is lost. Make room."
    )


def until_there_is_room(folder: Path) -> None:
    """Return when the database may start; say now and then why it does not. Ended by a signal."""
    said_at = -SAYING_SECONDS
    while sentence := lacking_space(folder, START_MEGABYTES):
        if time.monotonic() - said_at >= SAYING_SECONDS:
            said_at = time.monotonic()
            print(sentence, flush=True)
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.secantus.disk_guard", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the database keeps its files")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    given = parser.parse_args()
    until_there_is_room(given.folder)
    os.execv(given.command[0], given.command)


if __name__ == "__main__":
    main()
