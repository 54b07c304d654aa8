"""Build TorchServe archives: ``python -m services.archive [MODEL ...] --store model-store``.

Every folder under ``services/`` with a ``service.yaml`` becomes ``<store>/<name>_<version>.mar``. An archive holds
the modules that its handler imports, under the names they have here (``services.<model>.network``, ...), the weights
and the batching. An archive whose inputs have not changed is left as it is. ``<store>/models.json`` describes every
model, from its card and its ``service.yaml``.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from image_files.cost import LARGE_SUFFIX
from services.common import descriptions
from services.common.large_pictures import write_large_archive
from services.common.overlays import InvalidOverlay, read_overlay

SERVICES_DIR = Path(__file__).resolve().parent
ARCHIVER = "torch-model-archiver"
KEYS = {"name": str, "version": str, "handler": str, "weights": str, "serving": dict}
OPTIONAL_KEYS = {"decode_bytes": int, "jpeg_decode_bytes": int, "overlay": dict}


class ArchiveError(Exception):
    """A model cannot be archived; the message says which one, why, and what would be right."""


@dataclass(frozen=True)
class Service:
    """One model service as its ``service.yaml`` describes it."""

    folder: Path
    name: str
    version: str
    handler: str
    weights: Path
    serving: dict[str, Any]
    overlay: dict[str, Any] | None = None
    decode_bytes: int | None = None
    jpeg_decode_bytes: int | None = None

    @property
    def archive(self) -> str:
        return f"{self.name}_{self.version}.mar"

    @property
    def large_archive(self) -> str:
        return f"{self.name}_{self.version}{LARGE_SUFFIX}.mar"


def read_service(folder: Path) -> Service:
    """Read and check ``folder/service.yaml``. Raises :class:`ArchiveError`."""
    path = folder / "service.yaml"
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ArchiveError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(found, dict) or not set(KEYS) <= set(found) <= {*KEYS, *OPTIONAL_KEYS}:
        raise ArchiveError(
            f"{path} must have the keys {', '.join(KEYS)}, may have {', '.join(OPTIONAL_KEYS)}, and no others."
        )
    for key, kind in {**KEYS, **OPTIONAL_KEYS}.items():
        if key in found and not isinstance(found[key], kind):
            raise ArchiveError(f"{path}: '{key}' must be a {kind.__name__} (put quotes around it if it is text).")
    if not re.fullmatch(r"[\w.]+:\w+", found["handler"]):
        raise ArchiveError(f"{path}: 'handler' must be module:Class, such as services.{folder.name}.handler:Handler.")
    weights = folder / found["weights"]
    if not weights.is_file():
        raise ArchiveError(f"{path}: the weights {weights} are missing; train {found['name']} to make them.")
    try:
        overlay = read_overlay(found["overlay"]) if "overlay" in found else None
    except InvalidOverlay as error:
        raise ArchiveError(f"{path}: {error}") from None
    return Service(
        folder=folder,
        name=found["name"],
        version=found["version"],
        handler=found["handler"],
        weights=weights,
        serving=found["serving"],
        overlay=overlay,
        decode_bytes=found.get("decode_bytes"),
        jpeg_decode_bytes=found.get("jpeg_decode_bytes"),
    )


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the names that the module at ``path`` imports."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            # What is imported from a package may be a module itself.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needed_files(module: str, root: Path) -> list[Path]:
    """Return the files under ``root`` that importing ``module`` reads, packages' ``__init__.py`` included, sorted."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        parts = waiting.pop().split(".")
        candidates = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
        candidates.append(root.joinpath(*parts).with_suffix(".py"))
        for path in candidates:
            if path.is_file() and path not in found:
                found.add(path)
                waiting.extend(imported_modules(path))
    return sorted(found)


def stage(service: Service, root: Path) -> dict[str, bytes]:
    """Return the archive's files by their paths in it: the handler's entry, its modules and the model configuration."""
    module, _, name = service.handler.partition(":")
    modules = needed_files(module, root)
    if root.joinpath(*module.split(".")).with_suffix(".py") not in modules:
        raise ArchiveError(f"{service.folder / 'service.yaml'}: there is no module {module}.")
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in modules}
    # TorchServe takes the one class that the entry itself defines.
    entry = f"from {module} import {name}\n\n\nclass Entry({name}):\n    pass\n"
    files[f"{service.name}_entry.py"] = entry.encode()
    files["model-config.yaml"] = yaml.safe_dump(service.serving).encode()
    return files


def digest_of(service: Service, files: dict[str, bytes]) -> str:
    """Return a digest of everything that goes into the archive, and of the archiver's version."""
    try:
        state = hashlib.sha256(f"{ARCHIVER} {version(ARCHIVER)} {service.name} {service.version}\n".encode())
    except PackageNotFoundError:
        raise ArchiveError(
            f"{ARCHIVER} is not installed. Run: make venv, or pip install -r requirements/services.lock"
        ) from None
    for name, content in sorted({**files, service.weights.name: service.weights.read_bytes()}.items()):
        state.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return state.hexdigest()


def build(service: Service, store: Path, root: Path = SERVICES_DIR.parent) -> bool:
    """Write ``store/<name>_<version>.mar`` and the archive for large pictures, each whole or not at all.

    Returns False when they were up to date.
    Raises :class:`ArchiveError` with the archiver's output when it fails.
    """
    files = stage(service, root)
    digest = digest_of(service, files)
    target, note = store / service.archive, store / f".{service.archive}.digest"
    large = store / service.large_archive
    if target.is_file() and large.is_file() and note.is_file() and note.read_text() == digest:
        return False
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".archive-", dir=store) as scratch:
        tree, output = Path(scratch, "tree"), Path(scratch, "output")
        output.mkdir()
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        entry, config = Path(scratch, f"{service.name}_entry.py"), Path(scratch, "model-config.yaml")
        (tree / entry.name).rename(entry)
        (tree / config.name).rename(config)
        options = {
            "--model-name": service.name,
            "--version": service.version,
            "--serialized-file": service.weights,
            "--handler": entry,
            "--extra-files": tree,
            "--config-file": config,
            "--export-path": output,
        }
        command = [sys.executable, "-m", "model_archiver.model_packaging"]
        command += [str(word) for option in options.items() for word in option]
        # The archiver collects its files in the temporary folder, under the model's name: two builds at the same time
        # would overwrite each other's files there.
        ran = subprocess.run(command, env=os.environ | {"TMPDIR": scratch}, capture_output=True, text=True, check=False)
        made = output / f"{service.name}.mar"
        if ran.returncode != 0 or not made.is_file():
            raise ArchiveError(f"{ARCHIVER} could not archive {service.name}: {(ran.stderr or ran.stdout).strip()}")
        os.replace(made, target)
        write_large_archive(target, large)
    note.write_text(digest)
    return True


def describe(folders: Mapping[str, Path], store: Path) -> None:
    """Write the models' descriptions into ``store``; leave out models that cannot be archived."""
    described = []
    for folder in folders.values():
        try:
            service = read_service(folder)
        except ArchiveError:
            continue  # building it reports the error
        described.append(
            descriptions.describe(
                folder,
                service.name,
                service.version,
                service.weights,
                service.overlay,
                service.decode_bytes,
                service.jpeg_decode_bytes,
            )
        )
    descriptions.write(store, described)


def main(arguments: list[str] | None = None) -> int:
    """Build the archives that the arguments name. Returns the process's exit status."""
    folders = {path.parent.name: path.parent for path in sorted(SERVICES_DIR.glob("*/service.yaml"))}
    parser = argparse.ArgumentParser(
        prog="python -m services.archive", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of: {', '.join(folders)} (default: all of them)")
    parser.add_argument("--store", type=Path, default=Path("model-store"), help="folder of the archives (model-store)")
    parser.add_argument("--only-describe", action="store_true", help="write models.json and build no archive")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.models) - set(folders))
    if unknown:
        parser.error(f"no such model: {', '.join(unknown)}; there are: {', '.join(folders)}")
    describe(folders, options.store)
    failed = False
    for name in () if options.only_describe else options.models or folders:
        try:
            service = read_service(folders[name])
            made = build(service, options.store)
        except ArchiveError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
        else:
            print(f"{options.store / service.archive}: {'built' if made else 'up to date'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
