"""All published workflows: load them from a folder, find one by name and version."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contracts.errors import InvalidWorkflow, UnknownWorkflow
from contracts.workflows import VERSION, Workflow, parse_workflow

STABLE = "stable"


class Catalogue:
    """All published workflows by name and version."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._versions: dict[str, dict[str, Workflow]] = {}
        for workflow in workflows:
            self._versions.setdefault(workflow.name, {})[workflow.version] = workflow

    @property
    def names(self) -> list[str]:
        return sorted(self._versions)

    def all(self) -> list[Workflow]:
        return [workflow for name in self.names for workflow in self._versions[name].values()]

    def stable(self, name: str) -> Workflow:
        """Return the newest version of ``name``. Raises UnknownWorkflow."""
        versions = self._versions.get(name)
        if not versions:
            raise UnknownWorkflow(f"There is no workflow {name!r} here. There are: {', '.join(self.names)}.")
        return max(versions.values(), key=lambda workflow: version_key(workflow.version))

    def find(self, name: str, version: str | None = None) -> Workflow:
        """Return a version by its number, or the stable one. Raises UnknownWorkflow."""
        if version is None or version == STABLE:
            return self.stable(name)
        self.stable(name)  # its sentence names the workflows that there are
        return self.version(name, version)

    def version(self, name: str, version: str) -> Workflow:
        """Return one version. Raises UnknownWorkflow."""
        workflow = self._versions.get(name, {}).get(version)
        if workflow is None:
            raise UnknownWorkflow(f"There is no workflow {name!r} in version {version!r} here.")
        return workflow


def version_key(version: str) -> tuple[int, ...]:
    match = VERSION.match(version)
    assert match, version
    return tuple(map(int, match.groups()))


def load_catalogue(folder: Path) -> Catalogue:
    """Load ``folder``/<name>/<version>.yaml. Raises InvalidWorkflow for the first file that is wrong."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix in {".yaml", ".yml"})
    if not paths:
        raise InvalidWorkflow(f"{folder}: no workflow is here. Expected {folder}/<name>/<version>.yaml.")
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
                f"it belongs into {workflow.name}/{workflow.version}.yaml."
            )
        workflows.append(workflow)
    return Catalogue(workflows)
