"""Gateways and orchestrators beside a cluster's own: another release, other settings, another clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE

END_SECONDS = PATIENCE


class Extra:
    """A process of ours; ``log`` is the file with all that it said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of this event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def stop(self) -> int:
        """Ask it to stop, as a supervisor does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_SECONDS)


@contextmanager
def extra(
    module: str,
    settings: Mapping[str, str],
    log: Path,
    *,
    arguments: tuple[str, ...] = (),
    checkout: Path = CHECKOUT,
) -> Iterator[Extra]:
    """Run ``python -m module`` with these settings from a checkout, and kill what is left of it at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=checkout,
            env=inherited | {"SHOWCASE_LOG_FORMAT": "json"} | dict(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Extra(process, log)
    finally:
        process.kill()
        process.wait(END_SECONDS)
