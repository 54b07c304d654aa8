"""The model archives: built before TorchServe starts, and only when a model's folder changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.parts import digest_of_files, source_files
from deploy.local.settings import CHECKOUT


def build_archives(model_store: Path, log: Path) -> bool:
    """Build ``<name>_<version>.mar`` for each model of the checkout. Returns whether there was anything to do.

    Raises ClusterError when the archiver fails.
    """
    if not (CHECKOUT / "services" / "archive.py").exists():
        return False
    stamp = model_store / ".sources"
    digest = digest_of_files(source_files(CHECKOUT / "services"), CHECKOUT)
    if stamp.exists() and stamp.read_text() == _stamp_text(digest, model_store):
        return False
    model_store.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
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
        raise ClusterError("The model archives could not be built; mend what is said below and run: make models", log)
    stamp.write_text(_stamp_text(digest, model_store))
    return True


def _stamp_text(digest: str, model_store: Path) -> str:
    # The names count too: an archive that somebody deleted is built again.
    return "\n".join([digest, *sorted(path.name for path in model_store.glob("*.mar"))])
