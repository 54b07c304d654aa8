"""Changes of the published workflows while the platform runs: publish, retire, move aliases, split traffic, roll back.

Each change holds on this gateway when its call returns; the other processes follow within two seconds.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.errors import InvalidRequest, InvalidWorkflow, PreconditionFailed, WorkflowConflict, WorkflowFault
from contracts.submissions.documents import ModelRef
from contracts.workflows import changes
from contracts.workflows.catalogue import WorkflowText
from contracts.workflows.definition import Workflow
from contracts.workflows.registry import STABLE, Actor, AuditEntry, WorkflowRecord
from contracts.workflows.workflow_file import parse_workflow
from gateway.catalogue.models import ModelDirectory
from gateway.catalogue.ports import AuditLog, Clock, Registry

API = "api"
MAX_DIFF = 8000
"""Characters of the difference between two texts that an error shows."""

AUDIT_SLICE = 100
AUDIT_SLICES = 10
"""How many slices of the audit log one page may examine. A filter that matches rarely gives short pages."""


@dataclass(frozen=True)
class Validation:
    """What is wrong with a text, and the models that it pins and no server is known to serve."""

    workflow: Workflow | None
    faults: tuple[WorkflowFault, ...]
    unserved: tuple[ModelRef, ...]


@dataclass(frozen=True)
class AuditPage:
    """Entries with their numbers, newest first; ``next`` is the number to go on before, or None at the end."""

    entries: list[tuple[int, AuditEntry]]
    next: int | None


class Publishing:
    """``announce`` notifies the other processes of a change. It must neither block nor raise."""

    def __init__(
        self,
        registry: Registry,
        audit_log: AuditLog,
        models: ModelDirectory,
        clock: Clock,
        announce: Callable[[], None],
        tenant: str,
    ) -> None:
        self._registry = registry
        self._audit_log = audit_log
        self._models = models
        self._clock = clock
        self._announce = announce
        self._tenant = tenant

    def validate(self, text: str) -> Validation:
        """Check a workflow's text completely, and publish nothing."""
        try:
            workflow = parse_workflow(text.encode(), "")
        except InvalidWorkflow as error:
            return Validation(None, error.faults, ())
        return Validation(workflow, (), self.unserved(workflow))

    def unserved(self, workflow: Workflow) -> tuple[ModelRef, ...]:
        """Return the models that the workflow pins and that are neither described here nor reported as served."""
        pins = {str(step.model): step.model for step in workflow.steps}
        return tuple(pin for pin in pins.values() if not self._models.is_known(pin))

    def publish(
        self, name: str, version: str, text: str, reason: str | None, *, only_new: bool
    ) -> tuple[WorkflowRecord, bool]:
        """Publish a version, and return its workflow and whether the version is new.

        With ``only_new``, a version that exists is left as it is. Raises InvalidWorkflow, InvalidRequest (the text is
        of another workflow or version), WorkflowConflict with the difference, PreconditionFailed and LimitReached.
        """
        checked = self.validate(text)
        workflow = checked.workflow
        if workflow is None:
            raise _invalid(checked.faults)
        if (workflow.name, workflow.version) != (name, version):
            raise InvalidRequest(
                f"The text is of {workflow.name} {workflow.version}, the address of {name[:64]} {version[:64]}. Let "
                "both name the same."
            )
        known = self._registry.find_record(name)
        existing = known.version(version) if known else None
        if existing is not None and only_new:
            raise PreconditionFailed(
                f"{name} {version} exists already, and the header If-None-Match asked for that not to be."
            )
        try:
            record, changed = self._registry.publish(WorkflowText(workflow, text), self._actor(reason))
        except WorkflowConflict as error:
            published = self._registry.text_of(str(error.members.get("published_digest"))) or ""
            members = error.members | {"diff": difference(published, text, f"{name} {version}")}
            raise WorkflowConflict(error.message, members) from error
        self._changed(changed)
        return record, existing is None

    def retire(self, name: str, version: str, reason: str | None) -> None:
        """Retire a release, or delete a draft. Raises UnknownWorkflow."""
        self._change(name, lambda record: changes.retire(record, version, self._actor(reason)))

    def set_alias(self, name: str, alias: str, version: str, reason: str | None) -> WorkflowRecord:
        """Raises InvalidRequest, UnknownWorkflow, WorkflowRetired and LimitReached."""
        return self._change(name, lambda record: changes.set_alias(record, alias, version, self._actor(reason)))

    def remove_alias(self, name: str, alias: str, reason: str | None) -> None:
        """Raises UnknownWorkflow and WorkflowConflict."""
        self._change(name, lambda record: changes.remove_alias(record, alias, self._actor(reason)))

    def roll_back(self, name: str, reason: str | None) -> tuple[str, str]:
        """Point ``stable`` to its version before, and return the old version and the new one.

        Raises UnknownWorkflow and WorkflowConflict.
        """
        before = ""

        def decide(record: WorkflowRecord) -> WorkflowRecord:
            nonlocal before
            after = changes.roll_back(record, self._actor(reason))
            before = record.aliases[STABLE].version
            return after

        after = self._change(name, decide)
        return before, after.aliases[STABLE].version

    def split_traffic(self, name: str, percents: Mapping[str, int], reason: str | None) -> WorkflowRecord:
        """Split the submissions that name no version; an empty mapping ends the split.

        Raises InvalidRequest, UnknownWorkflow and WorkflowRetired.
        """
        return self._change(name, lambda record: changes.split_traffic(record, percents, self._actor(reason)))

    def audit(self, workflow: str | None, action: str | None, before: int | None, limit: int) -> AuditPage:
        """Return a page of the audit log, newest first. Raises StoreUnavailable."""
        found: list[tuple[int, AuditEntry]] = []
        for _ in range(AUDIT_SLICES):
            read = self._audit_log.audit(self._tenant, before, AUDIT_SLICE)
            for number, entry in read.entries:
                if (workflow is None or entry.workflow == workflow) and (action is None or entry.action == action):
                    found.append((number, entry))
                    if len(found) == limit:
                        return AuditPage(found, number if number > 1 else None)
            before = read.next
            if before is None:
                break
        return AuditPage(found, before)

    def _change(self, name: str, decide: Callable[[WorkflowRecord], WorkflowRecord | None]) -> WorkflowRecord:
        record, changed = self._registry.change(name, decide)
        self._changed(changed)
        return record

    def _changed(self, changed: bool) -> None:
        # Also without a change of ours: another process may have made it a moment ago.
        self._registry.refresh()
        if changed:
            self._announce()

    def _actor(self, reason: str | None) -> Actor:
        return Actor(API, self._clock.now(), reason)


def difference(published: str, sent: str, name: str) -> str:
    """Return the difference of two texts in the unified format, cut to MAX_DIFF characters."""
    lines = difflib.unified_diff(
        published.splitlines(), sent.splitlines(), f"{name} (published)", f"{name} (sent)", lineterm=""
    )
    text = "\n".join(lines)
    return text if len(text) <= MAX_DIFF else text[:MAX_DIFF] + "\n…"


def _invalid(faults: tuple[WorkflowFault, ...]) -> InvalidWorkflow:
    first = faults[0]
    count = f"{len(faults)} error{'s' * (len(faults) > 1)}"
    return InvalidWorkflow(
        f"The workflow has {count}. Line {first.line}, column {first.column}: {first.message}", faults
    )
