"""Runs pip and shows how far it is: `python -m deploy.local.pip_progress ARGUMENTS`, for `make venv`.

A terminal shows one line, drawn again each second. A file or a pipe gets a line when a step begins and every half a
minute. The whole output is in `.local/logs/pip.log`; where pip fails, its end is printed. Only the standard library:
it runs before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

LOG = Path(".local/logs/pip.log")
SHOWN_AT_THE_END = 15
DRAW_SECONDS = 1.0
LINE_SECONDS = 30.0


class PipProgress:
    """What pip's lines say so far. Pure."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._found = 0
        self._step = "looking for packages"

    def read(self, line: str) -> bool:
        """Take one line of pip's output. Return whether a long step begins: a large download, or the installation."""
        if found := re.match(r"(?:Collecting|Processing|Requirement already satisfied:) (\S+)", line):
            self._found += 1
            self._step = _name(found[1])
            return False
        if found := re.match(r"\s+Downloading (\S+?)(?:\.metadata)? \(([\d.]+ [kMG]B)\)", line):
            self._step = f"downloading {_name(found[1])}, {found[2]}"
            return "MB" in found[2] and float(found[2].split()[0]) >= 10
        if found := re.match(r"Installing collected packages: (.+)", line):
            self._step = f"installing {_packages(len(found[1].split(',')))}"
            return True
        return False

    def sentence(self, seconds: float) -> str:
        """Return the line that is shown after ``seconds``."""
        return f"  {seconds:3.0f} s, {min(self._found, self._total)} of {_packages(self._total)}: {self._step}"


def _packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"


def _name(requirement: str) -> str:
    """Return the package in a requirement (`torch==2.13.0`) or a path (`/wheels/torch-2.13.0-cp311.whl`)."""
    return re.split(r"[=<>!~;\[]|-\d", requirement.rsplit("/", 1)[-1])[0]


def count_packages(arguments: Iterable[str]) -> int:
    """Return how many packages the requirement files among pip's arguments pin."""
    files = [Path(each) for each in arguments if each.endswith((".lock", ".txt"))]
    return sum(len(re.findall(r"^[\w.-]+==", file.read_text(), re.MULTILINE)) for file in files)


def main(arguments: list[str]) -> int:
    """Run pip with ``arguments``; return its exit status."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    progress, terminal = PipProgress(count_packages(arguments)), sys.stdout.isatty()
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-color", *arguments]
    started, over = time.monotonic(), threading.Event()

    def show() -> None:
        line = progress.sentence(time.monotonic() - started)
        sys.stdout.write(f"\r\033[K{line[:78]}" if terminal else f"{line}\n")
        sys.stdout.flush()

    def keep_showing() -> None:
        while not over.wait(DRAW_SECONDS if terminal else LINE_SECONDS):
            show()

    drawing = threading.Thread(target=keep_showing, daemon=True)
    drawing.start()
    lines: list[str] = []
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip,
        LOG.open("w") as log,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line)
            log.write(line)
            if progress.read(line) and not terminal:
                show()
    over.set()
    drawing.join()
    if terminal:
        sys.stdout.write("\r\033[K")
    if pip.returncode:
        sys.stderr.writelines(lines[-SHOWN_AT_THE_END:])
    return pip.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
