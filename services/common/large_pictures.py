"""A model's second archive: the same files under ``<version>-large``, where large pictures are read one at a time.

TorchServe answers a batch when its last picture is read. With a version and a worker of its own, a large picture keeps
no other waiting, and when it makes its worker fail, the others keep theirs.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import yaml

from image_files.cost import LARGE_SUFFIX

MANIFEST = "MAR-INF/MANIFEST.json"
CONFIGURATION = "model-config.yaml"
ALONE = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 1, "maxBatchDelay": 1}


def write_large_archive(source: Path, target: Path) -> None:
    """Write the second archive of the archive ``source``, whole or not at all."""
    unfinished = target.with_name(f".{target.name}.new")
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in given.infolist():
            content = given.read(entry)
            if entry.filename == MANIFEST:
                manifest = json.loads(content)
                manifest["model"]["modelVersion"] += LARGE_SUFFIX
                content = json.dumps(manifest, indent=2).encode()
            elif entry.filename == CONFIGURATION:
                content = yaml.safe_dump({**(yaml.safe_load(content) or {}), **ALONE}).encode()
            made.writestr(entry, content)
    os.replace(unfinished, target)
