"""The catalogue's stores in memory: the registry of workflows, its audit log, the status of models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.registry import AuditEntry, WorkflowRecord, record_key
from gateway.catalogue.ports import AuditSlice
from runtime.registry import EarlierWorkflow
from tests.support.fakes import MemoryStore


class MemoryRegistryStore:
    """It is away when ``store`` is."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.documents: dict[str, WorkflowRecord] = {}
        self.texts: dict[str, str] = {}
        self.superseded: set[str] = set()
        self.log: list[AuditEntry] = []
        self.earlier_workflows: dict[str, EarlierWorkflow] = {}

    def all(self, tenant: str) -> list[WorkflowRecord]:
        self._store._answer()
        return [each.model_copy(deep=True) for each in self.documents.values() if each.tenant == tenant]

    def read(self, tenant: str, name: str) -> WorkflowRecord | None:
        self._store._answer()
        found = self.documents.get(record_key(tenant, name))
        return found.model_copy(deep=True) if found else None

    def write(self, record: WorkflowRecord) -> bool:
        self._store._answer()
        known = self.documents.get(record.id)
        if (known.revision if known else 0) != record.revision - 1:
            return False
        self.documents[record.id] = record.model_copy(deep=True)
        return True

    def save_text(self, tenant: str, digest: str, text: str) -> None:
        self._store._answer()
        self.texts[f"{tenant}/{digest}"] = text
        self.superseded.discard(f"{tenant}/{digest}")

    def text(self, tenant: str, digest: str) -> str | None:
        self._store._answer()
        return self.texts.get(f"{tenant}/{digest}")

    def supersede_text(self, tenant: str, digest: str) -> None:
        self._store._answer()
        self.superseded.add(f"{tenant}/{digest}")

    def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        self._store._answer()
        known = {entry.id for entry in self.log}
        self.log += [entry for entry in entries if entry.id not in known]

    def mark_logged(self, record: WorkflowRecord) -> None:
        self._store._answer()
        logged = {entry.id for entry in record.unlogged}
        known = self.documents[record.id]
        known.unlogged = [entry for entry in known.unlogged if entry.id not in logged]

    def earlier(self, name: str) -> EarlierWorkflow:
        self._store._answer()
        return self.earlier_workflows.get(name, EarlierWorkflow({}, {}))

    # The gateway's view of the log.

    def audit(self, tenant: str, before: int | None, limit: int) -> AuditSlice:
        self._store._answer()
        end = min(before or len(self.log) + 1, len(self.log) + 1)
        first = max(1, end - limit)
        found = [(number, self.log[number - 1]) for number in range(end - 1, first - 1, -1)]
        entries = [(number, entry) for number, entry in found if entry.tenant == tenant]
        return AuditSlice(entries, first if first > 1 else None)


class MemoryModelStatus:
    """It is away when ``store`` is, and has its clock."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.served_models: dict[str, ServedModel] = {}

    def now(self) -> datetime:
        return self._store.now()

    def prepare(self) -> None:
        self._store._answer()

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        self._store._answer()
        return [self.served_models[str(model)] for model in models if str(model) in self.served_models]

    def report(self, served: Iterable[ServedModel]) -> None:
        """The orchestrator's side of ``served``."""
        self._store._answer()
        for each in served:
            known = self.served_models.get(str(each.model))
            untried = known is not None and each.state is ServedState.UNTRIED
            self.served_models[str(each.model)] = replace(each, state=known.state) if known and untried else each
