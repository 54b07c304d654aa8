"""Files and folders that only their owner may read, written whole or not at all; and the parts' logs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from deploy.local.errors import ClusterError


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all. At no time can more users read it than ``mode`` allows."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    partial.chmod(mode)
    os.replace(partial, path)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter. Raises ClusterError when another user made it first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ClusterError(f"{folder} belongs to another user; delete it, or use a checkout with a shorter path.")
    folder.chmod(0o700)


def close_to_others(home: Path) -> None:
    """Make ``home`` where it is missing, and take every right to what is in it from all users but its owner.

    A home that an earlier release made is mended. What belongs to another user stays as it is: nobody else can reach
    it through a closed home. Raises ClusterError when the home itself cannot be closed.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _take_rights(home)
    except OSError as error:
        raise ClusterError(f"{home} cannot be made private ({error.strerror}); it must belong to you.") from error
    for path in home.rglob("*"):
        # A part that runs may delete a file meanwhile.
        with suppress(OSError):
            _take_rights(path)


def _take_rights(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & 0o077:
        path.chmod(stat.S_IMODE(mode) & ~0o077)


def private_opener(path: str, flags: int) -> int:
    """Open a file as ``open`` does; one that it makes is readable by its owner only. For ``open``'s ``opener``."""
    return os.open(path, flags, 0o600)


def log_of(home: Path, part: str) -> Path:
    """Return where the part's output goes."""
    return home / "logs" / f"{part}.log"


def size_of(log: Path) -> int:
    """Return a log's size in bytes, 0 when there is none yet."""
    return log.stat().st_size if log.exists() else 0


def text_after(log: Path, offset: int) -> str:
    """Return what was written to a log after its first ``offset`` bytes; all of it when it was rotated meanwhile."""
    if not log.exists():
        return ""
    with log.open("rb") as handle:
        handle.seek(offset if offset <= size_of(log) else 0)
        return handle.read().decode(errors="replace")
