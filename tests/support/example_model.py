"""The worked example of a model, made as docs/adding-a-model.md says, beside a copy of what it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.checkout import CHECKOUT, DOCS
from tests.support.patience import PATIENCE

EXAMPLE = "image_brightness"
FOLDER = DOCS / "examples" / EXAMPLE


def archive_example(root: Path, store: Path) -> None:
    """Copy the folder below ``root``, make its weights, and build its archive into ``store``."""
    packages = root / "services"
    shutil.copytree(CHECKOUT / "services" / "common", packages / "common")
    for name in ("__init__.py", "archive.py"):
        shutil.copy(CHECKOUT / "services" / name, packages)
    shutil.copytree(CHECKOUT / "image_files", root / "image_files")
    shutil.copytree(FOLDER, packages / EXAMPLE)
    for arguments in ([f"services.{EXAMPLE}.train"], ["services.archive", "--store", str(store)]):
        ran = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, ran.stderr
