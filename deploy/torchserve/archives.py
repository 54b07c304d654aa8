"""Reads built model archives: which models TorchServe loads, and whether they changed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "MAR-INF/MANIFEST.json"


class BrokenArchive(Exception):
    """A file of the model store is not an archive; the message names it and says what to do."""


@dataclass(frozen=True, order=True)
class Archive:
    """One built model: a ``.mar`` file, the name and version it is served under, and a digest of its content."""

    name: str
    version: str
    path: Path
    digest: str


def read_archive(path: Path) -> Archive:
    """Read name, version and digest of an archive. The digest leaves out when it was built.

    Raises BrokenArchive when the file is not an archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            entries = sorted((entry.filename, entry.CRC) for entry in archive.infolist() if entry.filename != MANIFEST)
        manifest.pop("createdOn", None)
        name, version = manifest["model"]["modelName"], manifest["model"]["modelVersion"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BrokenArchive(f"{path} is not a model archive ({error}); delete it and run: make models") from error
    content = json.dumps([manifest, entries], sort_keys=True)
    return Archive(name, version, path, hashlib.sha256(content.encode()).hexdigest()[:16])


def read_archives(model_store: Path) -> list[Archive]:
    """Read every archive of the model store, by name and version. Raises BrokenArchive."""
    return sorted(read_archive(path) for path in model_store.glob("*.mar"))
