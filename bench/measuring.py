"""What the measurements share: where the cluster is, and how figures are printed."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CHECKOUT = Path(__file__).resolve().parent.parent


def parser(purpose: str) -> argparse.ArgumentParser:
    """Return a parser with ``--home``: which local cluster to measure."""
    made = argparse.ArgumentParser(description=purpose, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    made.add_argument(
        "--home", type=Path, default=CHECKOUT / ".local", help="the cluster's folder; start it with make up"
    )
    return made


def cluster_settings(home: Path) -> dict[str, str]:
    """Return the running cluster's SHOWCASE_* settings. Leaves with a sentence when there is none."""
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.local", "env", "--home", str(home)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(ran.stderr.strip())
    return dict(line.split("=", 1) for line in shlex.split(ran.stdout))


def picture_of(kilobytes: int) -> bytes:
    """Return a PNG of about that many kilobytes (noise, which does not compress)."""
    side = round((kilobytes * 1024 / 3) ** 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


def line(name: str, milliseconds: Sequence[float]) -> str:
    """Return one row: median, 95th and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return f"{name:<48} p50 {cuts[49]:7.1f}   p95 {cuts[94]:7.1f}   p99 {cuts[98]:7.1f} ms   n={len(milliseconds)}"


def machine(folder: Path, kilobytes: int) -> str:
    """Return what the figures depend on: cores, load, and how long this disk takes to keep ``kilobytes`` for good."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(30):
            content = os.urandom(kilobytes * 1024)
            begun = time.perf_counter()
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begun) * 1000)
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    return f"{load}\n{line(f'this disk: writing and flushing {kilobytes} KiB', taken)}"
