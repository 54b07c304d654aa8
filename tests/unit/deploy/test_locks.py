"""The lock files satisfy pyproject.toml and each other. Read without a network: `make lock` is what asks one."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.checkout import CHECKOUT

LOCKS = ("development", "runtime", "cluster", "services")
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
RUNTIME = PROJECT["project"]["dependencies"]
ASKED = {
    "development": [*RUNTIME, *(each for group in GROUPS.values() for each in group)],
    "runtime": RUNTIME,
    "cluster": [*RUNTIME, *GROUPS["services"], *GROUPS["cluster"]],
    "services": GROUPS["services"],
}
"""What each lock is made from, as in deploy/local/lock.sh."""


def pins(name: str) -> dict[str, Version]:
    """Return the versions in a lock file, with torch's, which stands apart, where models are among what it is for."""
    files = [f"{name}.lock"] if name == "runtime" else [f"{name}.lock", "torch.txt"]
    texts = [(CHECKOUT / "requirements" / file).read_text() for file in files]
    found = [each for text in texts for each in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)]
    assert len({name for name, _ in found}) == len(found)
    return {canonicalize_name(name): Version(version) for name, version in found}


def unsatisfied(pinned: dict[str, Version], asked: list[str]) -> list[str]:
    """Return the requirements that the pins do not satisfy, of those that apply here."""
    wanted = [Requirement(each) for each in asked]
    return [
        str(each)
        for each in wanted
        if each.marker is None or each.marker.evaluate({"extra": ""})
        if (found := pinned.get(canonicalize_name(each.name))) is None or not each.specifier.contains(found, True)
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_what_the_project_asks_for(name: str) -> None:
    assert not unsatisfied(pins(name), ASKED[name]), "run: make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_its_packages_need(name: str) -> None:
    """Each pinned package that is installed here in that version says what it needs; torch's extras are not used."""
    pinned = pins(name)
    for package, pin in pinned.items():
        try:
            installed = Version(version(package)).public
        except PackageNotFoundError:
            continue  # for another system or Python
        if installed == pin.public:
            needed = [each for each in requires(package) or [] if "extra ==" not in each]
            assert not unsatisfied(pinned, needed), f"{package}: run: make lock"


@pytest.mark.parametrize("name", LOCKS[1:])
def test_the_other_locks_pin_what_development_pins(name: str) -> None:
    assert pins(name).items() <= pins("development").items()


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_hash(name: str) -> None:
    text = (CHECKOUT / "requirements" / f"{name}.lock").read_text()
    for package in re.findall(r"^[\w.-]+==.*(?:\n .*)*", text, re.MULTILINE):
        assert "--hash=sha256:" in package


def test_the_client_asks_for_what_its_group_asks_for() -> None:
    client = tomllib.loads((CHECKOUT / "client" / "pyproject.toml").read_text())
    assert client["project"]["dependencies"] == GROUPS["client"]


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [("flask>=99", ["flask>=99"]), ("no-such-package", ["no-such-package"]), ("flask>=99; python_version < '3'", [])],
)
def test_what_a_lock_lacks_is_found(asked: str, wrong: list[str]) -> None:
    assert unsatisfied(pins("runtime"), [asked]) == wrong
