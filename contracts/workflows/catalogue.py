"""All workflows of the registry: find one by name and version or alias, and choose the one that a submission runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import InvalidWorkflow, UnknownWorkflow, WorkflowFault
from contracts.submissions.documents import WorkflowRef
from contracts.workflows.changes import FILE, publish, retired_error
from contracts.workflows.definition import Workflow, version_key
from contracts.workflows.registry import (
    DEFAULT_TENANT,
    STABLE,
    WHOLE_PERCENT,
    Actor,
    WorkflowRecord,
    empty_record,
)
from contracts.workflows.workflow_file import MAX_FILE_BYTES, parse_workflow

_BEFORE_THE_REGISTRY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One workflow: its document, and its versions by number, as far as this release can read them."""

    record: WorkflowRecord
    workflows: Mapping[str, Workflow]

    @property
    def listed(self) -> list[Workflow]:
        """The versions that accept submissions, newest first."""
        accepting = self.record.accepting()
        return [self.workflows[each.version] for each in accepting if each.version in self.workflows]


class Catalogue:
    """All workflows by name and version.

    It begins with those of a folder; ``replace`` then brings what the registry holds. Thread-safe: everything is
    replaced in one step, so that a reader sees either the old workflows or the new ones.
    """

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._entries: Mapping[str, Entry] = {each.record.name: each for each in entries_of(workflows)}

    def replace(self, entries: Iterable[Entry]) -> None:
        """Replace all workflows."""
        self._entries = {each.record.name: each for each in entries}

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All workflows by name, the retired ones included. It never changes: ``replace`` makes a new one."""
        return self._entries

    @property
    def names(self) -> list[str]:
        """The workflows that accept submissions in any version."""
        return sorted(name for name, entry in self._entries.items() if entry.listed)

    def all(self) -> list[Workflow]:
        """Return every version that accepts submissions."""
        return [workflow for name in self.names for workflow in reversed(self._entries[name].listed)]

    def entry(self, name: str) -> Entry:
        """Return a workflow, even if it is retired. Raises UnknownWorkflow."""
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownWorkflow(f"There is no workflow {name[:64]!r} here. There are: {', '.join(self.names)}.")
        return entry

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version that each alias points to. Raises UnknownWorkflow."""
        return {alias: record.version for alias, record in sorted(self.entry(name).record.aliases.items())}

    def versions(self, name: str) -> list[Workflow]:
        """Return the versions that accept submissions, newest first. Raises UnknownWorkflow."""
        return self.entry(name).listed

    def version(self, name: str, version: str) -> Workflow:
        """Return one version, even a retired one. Raises UnknownWorkflow."""
        workflow = self.entry(name).workflows.get(version)
        if workflow is None:
            raise UnknownWorkflow(f"There is no workflow {name[:64]!r} in version {version[:64]!r} here.")
        return workflow

    def find(self, name: str, version: str | None = None) -> Workflow:
        """Return a version by its number or alias, even a retired one; the stable one by default.

        Raises UnknownWorkflow.
        """
        aliases = self.entry(name).record.aliases
        wanted = version or STABLE
        if wanted == STABLE and STABLE not in aliases:
            raise UnknownWorkflow(f"{name} has no release yet, and a draft runs only when it is named.")
        return self.version(name, aliases[wanted].version if wanted in aliases else wanted)

    def shown(self, name: str) -> Workflow:
        """Return the version that stands for the workflow in lists: the stable one, or the newest that is listed.

        Raises UnknownWorkflow when none is listed.
        """
        listed = self.versions(name)
        if not listed:
            raise UnknownWorkflow(f"Every version of {name} is retired.")
        stable = self.entry(name).record.aliases.get(STABLE)
        return next((each for each in listed if stable is not None and each.version == stable.version), listed[0])

    def with_digest(self, ref: WorkflowRef) -> Workflow | None:
        """Return exactly this version, or None if it is not here or has another content here."""
        entry = self._entries.get(ref.name)
        workflow = entry.workflows.get(ref.version) if entry else None
        return workflow if workflow is not None and workflow.digest == ref.digest else None

    def choose(self, name: str, version: str | None, submission_id: str) -> Workflow:
        """Return the version that a submission runs: the one that it names, or one by the split of the traffic.

        The choice depends on the submission's id alone, so that a repeated request gets the same one. Raises
        UnknownWorkflow and WorkflowRetired.
        """
        record = self.entry(name).record
        wanted = version
        if version is None and record.traffic:
            wanted = self._share(record, submission_id)
        workflow = self.find(name, wanted)
        known = record.version(workflow.version)
        if known is None or not known.accepts:
            raise retired_error(record, workflow.version)
        return workflow

    @staticmethod
    def _share(record: WorkflowRecord, submission_id: str) -> str:
        place = int.from_bytes(hashlib.sha256(submission_id.encode()).digest()[:8]) % WHOLE_PERCENT
        for share in record.traffic:
            place -= share.percent
            if place < 0:
                return share.version
        return record.traffic[-1].version


def entries_of(workflows: Iterable[Workflow], tenant: str = DEFAULT_TENANT) -> list[Entry]:
    """Return the workflows as if they were published one after the other into an empty registry, the oldest first."""
    found: dict[str, Entry] = {}
    for workflow in sorted(workflows, key=lambda each: (each.name, version_key(each.version))):
        entry = found.get(workflow.name) or Entry(empty_record(tenant, workflow.name), {})
        record = publish(entry.record, workflow, Actor(FILE, _BEFORE_THE_REGISTRY)) or entry.record
        found[workflow.name] = Entry(record, {**entry.workflows, workflow.version: workflow})
    return list(found.values())


def labelled(workflow: Workflow, record: WorkflowRecord) -> Workflow:
    """Return the workflow with the labels that its version has in the registry."""
    known = record.version(workflow.version)
    return workflow if known is None else replace(workflow, title=known.title, description=known.description)


@dataclass(frozen=True)
class WorkflowText:
    """A workflow with its text, as it is published; ``path`` is its file, if it comes from one."""

    workflow: Workflow
    text: str
    path: Path | None = None


@dataclass(frozen=True)
class FileFault:
    """One error in a workflow file; ``line`` and ``column`` count from 1."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


def read_texts(paths: Iterable[Path]) -> tuple[list[WorkflowText], list[FileFault]]:
    """Read workflow files; return those without an error, and every error of the others."""
    found: list[WorkflowText] = []
    faults: list[FileFault] = []
    for path in paths:
        try:
            with path.open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
            found.append(WorkflowText(parse_workflow(content, str(path)), content.decode(), path))
        except OSError as error:
            faults.append(FileFault(path, 1, 1, f"cannot be read ({error.strerror})."))
        except InvalidWorkflow as error:
            faults += [FileFault(path, fault.line, fault.column, fault.message) for fault in error.faults]
    return found, faults


def read_folder(folder: Path) -> tuple[list[WorkflowText], list[FileFault]]:
    """Read ``folder``/<name>/<version>.yaml, as ``read_texts`` does. A file in another place is an error.

    Raises InvalidWorkflow when there is no file.
    """
    paths = sorted(path for path in folder.glob("*/*") if path.suffix in {".yaml", ".yml"})
    if not paths:
        raise InvalidWorkflow(f"{folder}: there is no workflow here. Expected {folder}/<name>/<version>.yaml.")
    found, faults = read_texts(paths)
    faults += [
        FileFault(
            each.path,
            1,
            1,
            f"the file says {each.workflow.name} {each.workflow.version}; "
            f"it belongs in {each.workflow.name}/{each.workflow.version}.yaml.",
        )
        for each in found
        if each.path is not None
        and (each.path.parent.name, each.path.name) != (each.workflow.name, f"{each.workflow.version}.yaml")
    ]
    return found, sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))


def load_texts(folder: Path) -> list[WorkflowText]:
    """Load ``folder``/<name>/<version>.yaml. Raises InvalidWorkflow with the errors of every file."""
    found, faults = read_folder(folder)
    if faults:
        raise InvalidWorkflow(
            "\n".join(map(str, faults)), [WorkflowFault(fault.line, fault.column, fault.message) for fault in faults]
        )
    return found


def load_catalogue(folder: Path) -> Catalogue:
    """Load ``folder``/<name>/<version>.yaml. Raises InvalidWorkflow with the errors of every file."""
    return Catalogue(each.workflow for each in load_texts(folder))
