"""The client as a package: from its folder to a source distribution, a wheel, a fresh environment and a command."""

from __future__ import annotations

import email
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from contracts.version import VERSION
from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE

CLIENT = CHECKOUT / "client"
NAME = f"ml_showcase_client-{VERSION}"
LICENSE = (CHECKOUT / "LICENSE").read_bytes()


@dataclass(frozen=True)
class Built:
    source: Path
    wheel: Path


def run(*command: str | Path, folder: Path) -> str:
    """Return what the command printed, run with none of this process's settings. Fails with its output."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A source distribution of client/, and a wheel made from that alone.

    Both are built from a copy, because a build writes into its folder, and what an earlier build left there must not
    get into the wheel. Beside the copy there is nothing of the checkout but the files that links in client/ point to.
    """
    folder = tmp_path_factory.mktemp("client-package")
    copy = folder / "checkout" / "client"
    shutil.copytree(CLIENT, copy, symlinks=True, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    for link in [each for each in copy.rglob("*") if each.is_symlink()]:
        linked = (link.parent / link.readlink()).resolve()
        linked.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / linked.relative_to(copy.parent), linked)
    out = folder / "out"
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, out, folder=copy)
    source = out / f"{NAME}.tar.gz"
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out)
    run(sys.executable, "-m", "pip", "wheel", *options, source, folder=folder)
    return Built(source, out / f"{NAME}-py3-none-any.whl")


def test_the_source_distribution_holds_files_where_the_checkout_holds_links(built: Built) -> None:
    with tarfile.open(built.source) as archive:
        assert all(each.isfile() or each.isdir() for each in archive)
        license_file = archive.extractfile(f"{NAME}/LICENSE")
        assert license_file is not None
        assert license_file.read() == LICENSE


def test_the_wheel_holds_every_module_the_types_marker_the_licence_and_nothing_else(built: Built) -> None:
    modules = {str(each.relative_to(CLIENT / "src")) for each in (CLIENT / "src" / "showcase").rglob("*.py")}
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        assert archive.read(f"{NAME}.dist-info/licenses/LICENSE") == LICENSE
    assert {each for each in names if not each.startswith(f"{NAME}.dist-info/")} == {*modules, "showcase/py.typed"}


def test_the_wheel_says_what_it_is_and_what_it_needs(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{NAME}.dist-info/METADATA"))
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    groups = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["dependency-groups"]
    assert set(map(Requirement, metadata.get_all("Requires-Dist", []))) == set(map(Requirement, groups["client"]))


def test_it_runs_in_a_fresh_environment(built: Built, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=tmp_path)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-index", "--no-deps", built.wheel, folder=tmp_path)
    (packages,) = environment.glob("lib/python*/site-packages")
    # Its dependencies are installed where these tests run. That folder comes after the fresh one on the path.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    found = run(python, "-c", "import showcase; print(showcase.__file__, showcase.__version__)", folder=tmp_path)
    assert found.split() == [str(packages / "showcase" / "__init__.py"), VERSION]
    assert run(environment / "bin" / "showcase", "--version", folder=tmp_path) == f"showcase {VERSION}\n"
    assert "Exit codes:" in run(python, "-m", "showcase", "--help", folder=tmp_path)
