"""The catalogue's ports: the registry of workflows, its audit log, and the models' status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.models.status import ServedModel
from contracts.submissions.documents import ModelRef
from contracts.workflows.catalogue import WorkflowText
from contracts.workflows.registry import Actor, AuditEntry, WorkflowRecord


class ModelStatusStore(Protocol):
    """Every method raises StoreUnavailable."""

    def prepare(self) -> None:
        """Create the indexes. Raises IncompatibleData when an older release wrote the stored data."""

    def served(self, models: list[ModelRef]) -> list[ServedModel]:
        """Return the orchestrators' latest report on each of these models, where there is one."""


class Registry(Protocol):
    """The stored workflows, and the catalogue that follows them. Every method raises StoreUnavailable."""

    def find_record(self, name: str) -> WorkflowRecord | None: ...

    def text_of(self, digest: str) -> str | None: ...

    def publish(self, published: WorkflowText, actor: Actor) -> tuple[WorkflowRecord, bool]: ...

    def change(
        self, name: str, decide: Callable[[WorkflowRecord], WorkflowRecord | None]
    ) -> tuple[WorkflowRecord, bool]: ...

    def refresh(self) -> bool: ...


@dataclass(frozen=True)
class AuditSlice:
    """Entries with their numbers, newest first. ``next``: the number to read on before; None at the log's beginning."""

    entries: list[tuple[int, AuditEntry]]
    next: int | None


class AuditLog(Protocol):
    def audit(self, tenant: str, before: int | None, limit: int) -> AuditSlice:
        """Return at most ``limit`` entries with numbers below ``before``, the latest if it is None.

        A number may be unused, so that a slice has fewer entries, or none. Raises StoreUnavailable.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the database's time. Raises StoreUnavailable."""
