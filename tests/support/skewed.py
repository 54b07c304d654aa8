"""``python -m tests.support.skewed gateway|orchestrator SECONDS`` runs that process with its date off by SECONDS."""

from __future__ import annotations

import datetime
import importlib
import sys
import time

REAL = datetime.datetime
OURS = ("gateway", "orchestrator", "contracts")


def skew(seconds: float) -> None:
    """Shift the date for each loaded module of ours and for each library."""
    real_time = time.time

    class Skewed(REAL):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Skewed:
            return super().now(tz) + datetime.timedelta(seconds=seconds)

    time.time = lambda: real_time() + seconds
    for name, module in list(sys.modules.items()):
        if name.split(".", maxsplit=1)[0] in OURS and getattr(module, "datetime", None) is REAL:
            vars(module)["datetime"] = Skewed


def main() -> None:
    program, seconds = sys.argv[1:]
    sys.argv[1:] = []
    entry = importlib.import_module(f"{program}.__main__")
    skew(float(seconds))
    entry.main()


if __name__ == "__main__":
    main()
