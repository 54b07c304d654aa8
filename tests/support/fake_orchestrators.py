"""The store of the orchestrators' reports in memory, for both sides of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from contracts.orchestrators.status import KEPT, BreakerState, ModelReport, OrchestratorReport
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from gateway.catalogue.models import ModelDirectory
from tests.support.fakes import MemoryStore

UP = timedelta(minutes=2)


def model_report(model: ModelRef, at: datetime | None, **changes: object) -> ModelReport:
    """A model that answers, as of a look at ``at``."""
    values = {"address": "http://models", "state": ServedState.ANSWERING, "breaker": BreakerState.CLOSED}
    return ModelReport.model_validate({"model": model, "checked_at": at} | values | changes)


def working(at: datetime, models: list[ModelReport], **changes: object) -> OrchestratorReport:
    """An orchestrator that runs for UP and has swept at ``at``."""
    values = {"_id": "one", "host": "here", "pid": 7, "started_at": at - UP, "swept_at": at, "expires_at": at + KEPT}
    return OrchestratorReport.model_validate(values | {"models": models} | changes)


class MemoryOrchestrators:
    """It is away when ``store`` is. Until something is reported, one orchestrator works and its models answer."""

    def __init__(self, store: MemoryStore, directory: ModelDirectory | None = None) -> None:
        self._store = store
        self._directory = directory
        self.known: dict[str, OrchestratorReport] | None = None

    def now(self) -> datetime:
        return self._store.now()

    def report(self, report: OrchestratorReport) -> None:
        self._store._answer()
        self.known = (self.known or {}) | {report.id: report}

    def reports(self) -> list[OrchestratorReport]:
        self._store._answer()
        if self.known is not None:
            return list(self.known.values())
        pins = self._directory.pins if self._directory else []
        now = self._store.now()
        return [working(now, [model_report(pin, now) for pin in pins])]
