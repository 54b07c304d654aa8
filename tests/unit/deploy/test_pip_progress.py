"""What `make venv` shows while pip works: read from pip's own lines, with nothing to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.pip_progress import PipProgress, count_packages
from tests.support.checkout import CHECKOUT

LINES = """\
Looking in indexes: https://index.example/simple
Collecting flask==3.1.2 (from -r requirements/development.lock (line 9))
  Downloading flask-3.1.2-py3-none-any.whl.metadata (3.2 kB)
Processing /wheels/numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl (from -r requirements/development.lock (line 20))
Requirement already satisfied: torch-model-archiver==0.12.0 in ./lib (from -r requirements/development.lock (line 30))
  Downloading torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (190.1 MB)
Installing collected packages: flask, numpy
""".splitlines(keepends=True)


def test_each_line_of_pip_becomes_what_is_shown() -> None:
    progress = PipProgress(total=3)
    shown = []
    for line in LINES:
        long = progress.read(line)
        shown.append((long, progress.sentence(5.0).strip()))
    assert shown == [
        (False, "5 s, 0 of 3 packages: looking for packages"),
        (False, "5 s, 1 of 3 packages: flask"),
        (False, "5 s, 1 of 3 packages: downloading flask, 3.2 kB"),
        (False, "5 s, 2 of 3 packages: numpy"),
        (False, "5 s, 3 of 3 packages: torch-model-archiver"),
        (True, "5 s, 3 of 3 packages: downloading torch, 190.1 MB"),
        (True, "5 s, 3 of 3 packages: installing 2 packages"),
    ]


def test_the_total_is_what_the_requirement_files_pin(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("a==1 \\\n    --hash=sha256:0\n    # via b\nb-c.d==2\n# e==3\n")
    assert count_packages(["install", "--requirement", str(lock)]) == 2


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.pip_progress", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_pips_status_is_returned_and_the_end_of_its_output_is_shown(tmp_path: Path) -> None:
    ran = run(tmp_path, "install", "--no-index", "--find-links", str(tmp_path), "no-such-package-here==1")
    assert ran.returncode == 1
    assert "No matching distribution found for no-such-package-here==1" in ran.stderr
    assert "no-such-package-here" in (tmp_path / ".local" / "logs" / "pip.log").read_text()


def test_what_goes_well_prints_no_error(tmp_path: Path) -> None:
    ran = run(tmp_path, "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / ".local" / "logs" / "pip.log").read_text().startswith("pip ")


def test_it_needs_nothing_that_pip_is_yet_to_install() -> None:
    code = "import sys, deploy.local.pip_progress; print(*{'pymongo', 'psutil', 'typer'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-S", "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "")
