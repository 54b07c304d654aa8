"""The registry of workflows, as every process uses it: publish, change, and keep a catalogue up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from contracts.errors import InvalidWorkflow, LimitReached, UnknownWorkflow, WorkflowConflict
from contracts.submissions.documents import WorkflowRef
from contracts.workflows import changes
from contracts.workflows.catalogue import Catalogue, Entry, WorkflowText, labelled
from contracts.workflows.definition import Workflow, version_key
from contracts.workflows.registry import (
    DEFAULT_TENANT,
    MAX_WORKFLOWS,
    STABLE,
    Actor,
    AliasRecord,
    AuditEntry,
    WorkflowRecord,
    empty_record,
)
from contracts.workflows.workflow_file import parse_workflow

log = structlog.get_logger()

TRIES = 10
"""How often a change is decided again because another one was faster."""

FOUND_BY_DIGEST_KEPT = 100
"""How many versions that are not in the registry any more, such as overwritten drafts, are kept in memory."""

Decide = Callable[[WorkflowRecord], WorkflowRecord | None]


@dataclass(frozen=True)
class EarlierWorkflow:
    """What releases without a registry stored: the digests of a workflow's versions, and its aliases."""

    digests: dict[str, str]
    aliases: dict[str, str]


class RegistryStore(Protocol):
    """The workflows' documents, the texts of their versions, and the audit log. Raises StoreUnavailable."""

    def all(self, tenant: str) -> list[WorkflowRecord]: ...

    def read(self, tenant: str, name: str) -> WorkflowRecord | None: ...

    def write(self, record: WorkflowRecord) -> bool:
        """Store the document if the stored one is its previous revision. False: another change was faster."""

    def save_text(self, tenant: str, digest: str, text: str) -> None: ...

    def text(self, tenant: str, digest: str) -> str | None: ...

    def supersede_text(self, tenant: str, digest: str) -> None:
        """Delete a text after some days: no new submission runs it."""

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append the entries that are not in the log yet, in their order."""

    def mark_logged(self, record: WorkflowRecord) -> None:
        """Forget the document's entries, which are in the log now."""

    def earlier(self, name: str) -> EarlierWorkflow: ...


class WorkflowRegistry:
    """Changes the registry, and brings it to a catalogue. Thread-safe."""

    def __init__(
        self,
        store: RegistryStore,
        catalogue: Catalogue,
        tenant: str = DEFAULT_TENANT,
        serve: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        """``serve`` is called with the workflows' names before the catalogue has new ones: their queues come first."""
        self._store = store
        self._serve = serve
        self._refreshing = threading.Lock()
        self._catalogue = catalogue
        self._tenant = tenant
        self._parsed = {each.digest: each for entry in catalogue.entries.values() for each in entry.workflows.values()}
        self._found: dict[str, Workflow] = {}
        self._revisions: dict[str, int] | None = None

    def find_record(self, name: str) -> WorkflowRecord | None:
        """Return the workflow's document as it is stored now."""
        return self._store.read(self._tenant, name)

    def record(self, name: str) -> WorkflowRecord:
        """Return the workflow's document as it is stored now. Raises UnknownWorkflow."""
        record = self.find_record(name)
        if record is None:
            raise UnknownWorkflow(
                f"There is no workflow {name[:64]!r} here. There are: {', '.join(self._catalogue.names)}."
            )
        return record

    def text_of(self, digest: str) -> str | None:
        """Return the text with this digest, if it is stored."""
        return self._store.text(self._tenant, digest)

    def change(self, name: str, decide: Decide) -> tuple[WorkflowRecord, bool]:
        """Change an existing workflow; return its document, and whether it changed.

        Raises UnknownWorkflow, WorkflowConflict when others change it all the time, and what ``decide`` raises.
        """
        return self._change(name, decide, lambda: self.record(name))

    def publish(self, published: WorkflowText, actor: Actor) -> tuple[WorkflowRecord, bool]:
        """Publish a version; see ``changes.publish``. Raises LimitReached and WorkflowConflict."""
        workflow = published.workflow

        def read() -> WorkflowRecord:
            return self._store.read(self._tenant, workflow.name) or self._new(workflow.name)

        overwritten: list[str] = []

        def decide(record: WorkflowRecord) -> WorkflowRecord | None:
            known = record.version(workflow.version)
            after = changes.publish(record, workflow, actor)
            stored = after.version(workflow.version) if after else None
            overwritten[:] = [known.digest] if known and stored and known.digest != stored.digest else []
            return after

        # The text first: a document never names one that is not stored.
        self._store.save_text(self._tenant, workflow.digest, published.text)
        record, changed = self._change(workflow.name, decide, read)
        for digest in overwritten:
            self._store.supersede_text(self._tenant, digest)
        return record, changed

    def publish_folder(self, texts: Sequence[WorkflowText], actor: Actor) -> list[str]:
        """Publish the versions of the folder of workflows, the oldest first.

        Return a sentence for each that could not be published; the published version stays. Raises StoreUnavailable.
        """
        problems = []
        known = {record.name for record in self._store.all(self._tenant)}
        for each in sorted(texts, key=lambda each: version_key(each.workflow.version)):
            workflow = each.workflow
            try:
                if workflow.name not in known:
                    self._check_digest(workflow)
                self.publish(each, actor)
            except (WorkflowConflict, LimitReached) as error:
                problems.append(error.message)
        for name in sorted({each.workflow.name for each in texts} - known):
            self._take_over_aliases(name, actor)
        return problems

    def refresh(self) -> bool:
        """Bring the registry to the catalogue and return whether anything changed. Raises StoreUnavailable."""
        with self._refreshing:
            return self._refresh()

    def with_digest(self, ref: WorkflowRef) -> Workflow | None:
        """Return exactly this version: from the catalogue, else from the store, where an overwritten draft still is.

        Raises StoreUnavailable.
        """
        found = self._catalogue.with_digest(ref) or self._found.get(ref.digest)
        if found is None:
            found = self._parse(ref.digest)
            if found is not None:
                if len(self._found) >= FOUND_BY_DIGEST_KEPT:
                    self._found.clear()
                self._found[ref.digest] = found
        return found if found is not None and (found.name, found.version) == (ref.name, ref.version) else None

    def _refresh(self) -> bool:
        records = self._store.all(self._tenant)
        revisions = {record.name: record.revision for record in records}
        for record in records:
            if record.unlogged:
                self._log(record)
        if revisions == self._revisions or not records:
            return False  # without a document no gateway has published the folder of workflows yet
        entries = [Entry(record, self._workflows_of(record)) for record in records]
        used = {workflow.digest for entry in entries for workflow in entry.workflows.values()}
        self._parsed = {digest: each for digest, each in self._parsed.items() if digest in used}
        self._serve([record.name for record in records])
        self._catalogue.replace(entries)
        self._revisions = revisions
        return True

    def _change(self, name: str, decide: Decide, read: Callable[[], WorkflowRecord]) -> tuple[WorkflowRecord, bool]:
        for _ in range(TRIES):
            before = read()
            after = decide(before)
            if after is None:
                return before, False
            if self._store.write(after):
                self._log(after)
                return after, True
        raise WorkflowConflict(f"Other requests keep changing {name[:64]}. Get it again, and repeat your change.")

    def _log(self, record: WorkflowRecord) -> None:
        """Move the document's entries to the audit log. If this process stops in between, the next refresh does it."""
        self._store.append_audit(record.unlogged)
        self._store.mark_logged(record)

    def _new(self, name: str) -> WorkflowRecord:
        if len(self._store.all(self._tenant)) >= MAX_WORKFLOWS:
            raise LimitReached(f"There are {MAX_WORKFLOWS} workflows, which is the limit.")
        return empty_record(self._tenant, name)

    def _workflows_of(self, record: WorkflowRecord) -> dict[str, Workflow]:
        found = {}
        for version in record.versions:
            workflow = self._parsed.get(version.digest) or self._parse(version.digest)
            if workflow is None:
                log.warning("workflow version cannot be read", workflow=record.name, version=version.version)
                continue
            self._parsed[version.digest] = workflow
            found[version.version] = labelled(workflow, record)
        return found

    def _parse(self, digest: str) -> Workflow | None:
        text = self._store.text(self._tenant, digest)
        if text is None:
            return None
        try:
            return parse_workflow(text.encode(), digest)
        except InvalidWorkflow as error:
            # A newer release published it, with something that this one does not know.
            log.warning("workflow text cannot be read", digest=digest, error=error.message)
            return None

    def _check_digest(self, workflow: Workflow) -> None:
        """Raise WorkflowConflict if an earlier release published this version from another file."""
        published = self._store.earlier(workflow.name).digests.get(workflow.version, workflow.digest)
        if published != workflow.digest:
            raise WorkflowConflict(
                f"{workflow.name} {workflow.version}: this published version has changed (digest {workflow.digest}, "
                f"published was {published}). Put the old file back and publish the change as a new version."
            )

    def _take_over_aliases(self, name: str, actor: Actor) -> None:
        """Give a new document the aliases that earlier releases stored.

        For them ``stable`` meant the newest version until it was set, so it goes on to mean what it meant.
        """
        earlier = self._store.earlier(name)
        if not earlier.digests or self.find_record(name) is None:
            return

        def decide(record: WorkflowRecord) -> WorkflowRecord | None:
            published = [version for version in earlier.digests if record.version(version)]
            if not published:
                return None
            wanted = {alias: version for alias, version in earlier.aliases.items() if version in published}
            wanted.setdefault(STABLE, max(published, key=version_key))
            after: WorkflowRecord | None = None
            for alias, version in wanted.items():
                after = changes.set_alias(after or record, alias, version, actor) or after
            if after is not None:
                stable = after.aliases[STABLE]
                after.aliases[STABLE] = AliasRecord(version=stable.version)  # nothing to roll back to
                after.revision = record.revision + 1  # together they are one change
            return after

        self.change(name, decide)
