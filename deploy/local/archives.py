"""The model archives: brought up to date before TorchServe starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.files import private_opener
from deploy.local.settings import CHECKOUT


def build_archives(model_store: Path, log: Path) -> list[str]:
    """Build the archives whose model changed. Returns their file names; without a change it takes half a second.

    Raises ClusterError when the archiver fails.
    """
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(log, "wb", opener=private_opener) as output:
        done = subprocess.run(
            [sys.executable, "-m", "services.archive", "--store", str(model_store)],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise ClusterError("The model archives could not be built. Fix the error below and run: make models", log)
    lines = log.read_text().splitlines()
    return [Path(line.removesuffix(": built")).name for line in lines if line.endswith(": built")]
