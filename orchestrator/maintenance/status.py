"""Reports this orchestrator: since when it runs, when it last swept, and how it finds its models."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from contracts.errors import ShowcaseError
from contracts.orchestrators.status import KEPT, ModelReport, OrchestratorReport

log = structlog.get_logger()


class Store(Protocol):
    """Where the reports are stored. Every method raises StoreUnavailable."""

    def now(self) -> datetime: ...

    def report(self, report: OrchestratorReport) -> None:
        """Store a report under its id, in place of the one that is there."""


class StatusReporter:
    """``models`` returns the present report on each model. ``begin`` comes first; then any thread may call the rest."""

    def __init__(self, store: Store, models: Callable[[], list[ModelReport]]) -> None:
        self._store = store
        self._models = models
        self._id = str(uuid.uuid4())
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._started_at: datetime | None = None

    def begin(self) -> None:
        """Report the start, so that a crash before the first sweep is counted too. Never fails: a sweep reports it."""
        try:
            self._write()
        except ShowcaseError as error:
            log.warning("start not reported", error=error.message)

    def swept(self) -> None:
        """Report a successful sweep. Raises StoreUnavailable."""
        self._write(swept_at=self._store.now())

    def stop(self) -> None:
        """Report that this orchestrator ends on purpose. Never fails: it would then count as crashed."""
        try:
            self._write(stopped_at=self._store.now())
        except ShowcaseError as error:
            log.warning("end not reported", error=error.message)

    def _write(self, swept_at: datetime | None = None, stopped_at: datetime | None = None) -> None:
        now = self._store.now()
        self._started_at = self._started_at or now
        self._store.report(
            OrchestratorReport(
                id=self._id,
                host=self._host,
                pid=self._pid,
                started_at=self._started_at,
                swept_at=swept_at,
                stopped_at=stopped_at,
                models=self._models(),
                expires_at=now + KEPT,
            )
        )
