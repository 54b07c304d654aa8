"""Files and folders that only their owner may read, written whole or not at all; and the parts' logs."""

from __future__ import annotations

import os
import stat
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
