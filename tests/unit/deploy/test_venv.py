"""Which Python .venv is made with, and what is said when there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT

SCRIPTS = CHECKOUT / "deploy" / "local"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what venv.sh reads and nothing else."""
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    for name in ("venv.sh", "python.sh"):
        shutil.copy(SCRIPTS / name, tmp_path / "deploy" / "local" / name)
    locks = ("requirements/development.lock", "requirements/torch.txt")
    for name in (*locks, "client/pyproject.toml", "contracts/version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def fake_python(folder: Path, name: str, version: str) -> str:
    """Make a program that says it is a Python of this version, as far as it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


def choose(*candidates: str) -> tuple[str, str, str]:
    """Return the chosen program, its version and what was tried."""
    script = '. "$0"; choose_python "$@"; printf "%s\\n" "$python" "$python_version" "$tried"'
    command = ["sh", "-euc", script, str(SCRIPTS / "python.sh"), *candidates]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    program, version, tried = said.splitlines()
    return program, version, tried


def test_the_tested_version_is_preferred_wherever_it_stands(tmp_path: Path) -> None:
    newest, tested = fake_python(tmp_path, "a", "3.13"), fake_python(tmp_path, "b", "3.11")
    again = fake_python(tmp_path, "c", "3.11")
    for order in ((newest, tested, again), (tested, newest, again), (tested, again, newest)):
        assert choose(*order)[:2] == (tested, "3.11")


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_newer_one_is_taken_where_there_is_no_other(tmp_path: Path, version: str) -> None:
    old, newer = fake_python(tmp_path, "old", "3.9"), fake_python(tmp_path, "newer", version)
    assert choose(old, newer)[:2] == (newer, version)


def test_each_candidate_is_named_with_what_it_is(tmp_path: Path) -> None:
    old, future = fake_python(tmp_path, "old", "3.10"), fake_python(tmp_path, "future", "3.14")
    assert choose(old, future, "/nowhere/python3") == (
        "",
        "",
        f"{old} (3.10), {future} (3.14), /nowhere/python3 (not there)",
    )


def test_without_a_python_venv_says_what_it_tried_and_how_to_go_on(checkout: Path) -> None:
    command = ["sh", str(checkout / "deploy" / "local" / "venv.sh")]
    old = fake_python(checkout, "old", "3.9")
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": old}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("make venv: one of Python 3.11 3.12 3.13 is needed.")
    assert f"Tried: {old} (3.9)." in ran.stderr
    assert ran.stderr.endswith("make venv PYTHON=/path/to/python3\n")


def test_a_python_that_is_not_the_tested_one_is_said(checkout: Path) -> None:
    """The program below says it is 3.13 and has venv, and then cannot make one."""
    program = checkout / "python"
    program.write_text('#!/bin/sh\ncase "$*" in *version_info*) echo 3.13 ;; "-m venv"*) exit 1 ;; esac\n')
    program.chmod(0o755)
    ran = subprocess.run(
        ["sh", str(checkout / "deploy" / "local" / "venv.sh")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(program)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == f"Making .venv with Python 3.13 ({program}). The tests run on Python 3.11 only.\n"
    assert ran.stderr == f"make venv: {program} could not make .venv; see above.\n"
