"""All published workflows: load them from a folder, find one by name and version or alias."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from contracts.errors import InvalidWorkflow, UnknownWorkflow
from contracts.workflows.workflow_file import VERSION, Workflow, parse_workflow

STABLE = "stable"
ALIAS = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
"""An alias has no dot, so that it cannot be mistaken for a version."""

Aliases = Mapping[str, Mapping[str, str]]
"""Workflow name to alias to version."""


class Catalogue:
    """All published workflows by name and version.

    The aliases, ``stable`` among them, are those of the last call of ``follow``. Thread-safe: they are replaced in one
    step, so that a reader sees either the old ones or the new ones.
    """

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._aliases: Aliases = {}
        self._versions: dict[str, dict[str, Workflow]] = {}
        for workflow in workflows:
            self._versions.setdefault(workflow.name, {})[workflow.version] = workflow

    @property
    def names(self) -> list[str]:
        return sorted(self._versions)

    def all(self) -> list[Workflow]:
        return [workflow for name in self.names for workflow in self._versions[name].values()]

    def follow(self, aliases: Aliases) -> list[str]:
        """Replace the aliases. Return ``workflow/alias`` of those whose version is not in this catalogue.

        Such an alias is left out, as if it were not set: gateways of two releases may share a database for a while.
        """
        known: dict[str, dict[str, str]] = {}
        missing = []
        for name, versions in aliases.items():
            for alias, version in versions.items():
                if version in self._versions.get(name, {}):
                    known.setdefault(name, {})[alias] = version
                else:
                    missing.append(f"{name}/{alias}")
        self._aliases = known
        return sorted(missing)

    def aliases(self, name: str) -> dict[str, str]:
        """Return the versions of the workflow's aliases, always including ``stable``. Raises UnknownWorkflow."""
        return dict(sorted({STABLE: self.newest(name).version, **self._aliases.get(name, {})}.items()))

    def versions(self, name: str) -> list[Workflow]:
        """Return the versions of ``name``, the newest first. Raises UnknownWorkflow."""
        versions = self._versions.get(name)
        if not versions:
            raise UnknownWorkflow(f"There is no workflow {name[:64]!r} here. There are: {', '.join(self.names)}.")
        return sorted(versions.values(), key=lambda workflow: version_key(workflow.version), reverse=True)

    def newest(self, name: str) -> Workflow:
        """Return the newest version. Raises UnknownWorkflow."""
        return self.versions(name)[0]

    def stable(self, name: str) -> Workflow:
        """Return the version of the alias stable, or the newest one if it is not set. Raises UnknownWorkflow."""
        newest = self.newest(name)
        version = self._aliases.get(name, {}).get(STABLE)
        return newest if version is None else self._versions[name][version]

    def find(self, name: str, version: str | None = None) -> Workflow:
        """Return a version by its number or alias; the stable one by default. Raises UnknownWorkflow."""
        if version is None or version == STABLE:
            return self.stable(name)
        self.newest(name)  # its error lists the workflows that exist
        return self.version(name, self._aliases.get(name, {}).get(version, version))

    def version(self, name: str, version: str) -> Workflow:
        """Return one version. Raises UnknownWorkflow."""
        workflow = self._versions.get(name, {}).get(version)
        if workflow is None:
            raise UnknownWorkflow(f"There is no workflow {name[:64]!r} in version {version[:64]!r} here.")
        return workflow

    def has(self, name: str, version: str, digest: str) -> bool:
        """Return whether it has this version, and with this digest."""
        workflow = self._versions.get(name, {}).get(version)
        return workflow is not None and workflow.digest == digest


def version_key(version: str) -> tuple[int, ...]:
    match = VERSION.match(version)
    assert match, version
    return tuple(map(int, match.groups()))


def load_catalogue(folder: Path) -> Catalogue:
    """Load ``folder``/<name>/<version>.yaml. Raises InvalidWorkflow for the first file that is wrong."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix in {".yaml", ".yml"})
    if not paths:
        raise InvalidWorkflow(f"{folder}: there is no workflow here. Expected {folder}/<name>/<version>.yaml.")
    workflows = []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidWorkflow(f"{path}:1: cannot be read ({error.strerror}).") from error
        workflow = parse_workflow(content, str(path))
        if (path.parent.name, path.name) != (workflow.name, f"{workflow.version}.yaml"):
            raise InvalidWorkflow(
                f"{path}:1: the file says {workflow.name} {workflow.version}; "
                f"it belongs in {workflow.name}/{workflow.version}.yaml."
            )
        workflows.append(workflow)
    return Catalogue(workflows)
