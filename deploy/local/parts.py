"""What a part of the cluster is: a process that the supervisor keeps running, and the files it reads."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Set for every process of a cluster and inherited by its children: it tells which cluster a process belongs to.
MARKER = "LOCAL_CLUSTER_HOME"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One supervised process.

    ``files`` are written before it starts: path -> (text, mode). ``inputs`` are digests of what else it reads, so
    that a change restarts it. ``ports`` are those it listens on; the first is the one that is shown.
    ``clears`` are folders of temporary files that a start empties.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    ports: tuple[int, ...] = ()
    folders: tuple[Path, ...] = ()
    files: Mapping[Path, tuple[str, int]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    clears: tuple[Path, ...] = ()
    needs: frozenset[str] = frozenset()
    stop_wait_seconds: int = 10

    def script(self, home: Path) -> str:
        """Return the shell script that becomes this part's process.

        The environment is in a script and not in the supervisor's configuration because that file's format cannot
        hold every value, and because a person can run the script by hand. It ends in ``exec``, so that the supervisor
        watches the real process.
        """
        lines = ["#!/bin/sh", f"# Starts {self.name}. Written by `make up`; changes here are lost.", "set -eu"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(self.environment.items())]
        # Not only the supervisor's: one of an earlier release that still runs has another.
        lines.append("umask 077")
        lines.append(f"export {MARKER}={shlex.quote(str(home))}")
        for folder in self.clears:
            quoted = shlex.quote(str(folder))
            lines.append(f"rm -rf {quoted} && mkdir -m 700 -p {quoted}")
        lines.append(f"cd {shlex.quote(str(self.directory))}")
        lines.append(f"exec {shlex.join(self.command)}")
        return "\n".join(lines) + "\n"

    def digest(self, home: Path) -> str:
        """Return a digest of everything whose change makes a running process stale."""
        parts = [self.script(home), *self.inputs]
        parts += [f"{path}\n{text}" for path, (text, _mode) in sorted(self.files.items())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def digest_of_files(paths: Iterable[Path], root: Path) -> str:
    """Return a digest of the files' contents and of their paths below ``root``."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def source_files(*folders: Path) -> list[Path]:
    """Return the files below ``folders``, without caches and hidden files."""
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
        and not any(name.startswith((".", "__pycache__")) for name in path.relative_to(folder).parts)
        and path.suffix != ".pyc"
    ]
