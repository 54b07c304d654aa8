"""The health document: which parts a submission needs, whether each does its work, and what it means if not.

``/health/ready``, ``make up``, ``make status`` and ``showcase doctor`` all say what this document says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from contracts.errors import StoreUnavailable
from contracts.orchestrators.status import OrchestratorReport
from contracts.submissions.documents import ModelRef
from gateway.readiness.judgement import JudgedModel, Orchestrators, judge_models, judge_orchestrators, model_sentences
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.quota import StorageQuota

READY, MISSING, UNKNOWN = "ready", "missing", "unknown"


class Database(Protocol):
    def ping(self) -> None:
        """Raises StoreUnavailable."""

    def now(self) -> datetime:
        """Return the database's time. Raises StoreUnavailable."""


class Broker(Protocol):
    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker."""

    @property
    def has_consumers(self) -> bool:
        """Whether an orchestrator consumes every workflow's queue."""


class Reports(Protocol):
    def reports(self) -> list[OrchestratorReport]:
        """Return the reports of all orchestrators of the last minutes. Raises StoreUnavailable."""


@dataclass(frozen=True)
class Health:
    """Whether every part does its work, and the document that says so."""

    ready: bool
    document: dict[str, Any]


@dataclass(frozen=True)
class Readiness:
    """The parts that a submission needs. ``pins`` returns every model that a published workflow calls."""

    database: Database
    broker: Broker
    admission: AdmissionControl
    quota: StorageQuota
    orchestrators: Reports
    pins: Callable[[], Sequence[ModelRef]]

    def examine(self) -> Health:
        """Look at every part now. An unavailable part is in the document; nothing is raised."""
        orchestrators: Orchestrators | None = None
        models: tuple[JudgedModel, ...] = ()
        try:
            self.database.ping()
            now = self.database.now()
            orchestrators = judge_orchestrators(self.orchestrators.reports(), now)
            models = judge_models(self.pins(), orchestrators.working, now)
        except StoreUnavailable:
            pass
        connected, listens = self.broker.connected, self.broker.has_consumers
        parts = {
            "store": _state(orchestrators is not None),
            "broker": _state(connected),
            "orchestrator": _orchestrator(orchestrators, connected=connected, listens=listens),
            "models": UNKNOWN
            if orchestrators is None or not orchestrators.working
            else _state(all(each.reason is None for each in models)),
        }
        full, no_room = self.admission.full(), self.quota.full()
        waits = "what was accepted waits" if full or no_room else "submissions are accepted and wait"
        sentences = []
        if parts["store"] == MISSING:
            sentences.append("The database does not answer: the gateway can neither accept nor read submissions.")
        if parts["broker"] == MISSING:
            sentences.append(f"The message broker does not answer: {waits} until it is back.")
        if orchestrators is not None and orchestrators.reason is not None:
            sentences.append(f"{orchestrators.reason} Meanwhile {waits}.")
        elif connected and not listens:
            sentences.append(f"No orchestrator listens: {waits} until one does.")
        if parts["models"] == MISSING:
            sentences += model_sentences(models)
            sentences.append(f"Meanwhile {waits}.")
        if full:
            sentences.append(
                f"Too many submissions wait: the gateway refuses further ones of {', '.join(full)} until fewer do."
            )
        if no_room:
            sentences.append(f"{no_room} The gateway refuses further submissions until some are deleted or expire.")
        ready = MISSING not in parts.values()
        document: dict[str, Any] = {
            "status": "ready" if ready else "not ready",
            "accepting": parts["store"] == READY and not full and not no_room,
            "parts": parts,
            "stored": self.quota.report(),
        }
        if sentences:
            document["message"] = " ".join(sentences)
        if orchestrators is not None:
            document["orchestrators"] = orchestrators_document(orchestrators)
            document["models"] = [model_document(each) for each in models]
        return Health(ready, document)


def orchestrators_document(found: Orchestrators) -> dict[str, Any]:
    """Return the part of the document on orchestrators: those that work, and starts and crashes of the last minutes."""
    working = sorted(found.working, key=lambda each: each.started_at)
    return {
        "working": [
            {"host": each.host, "pid": each.pid, "started_at": _time(each.started_at), "swept_at": _time(each.swept_at)}
            for each in working
        ],
        "recent_starts": found.starts,
        "recent_crashes": found.crashes,
    }


def model_document(judged: JudgedModel) -> dict[str, Any]:
    """Return the part of the document on one model."""
    report = judged.report
    return {
        "name": judged.model.name,
        "version": judged.model.version,
        "ready": judged.reason is None,
        "address": report and report.address,
        "state": report and report.state.value,
        "breaker": report and report.breaker.value,
        "checked_at": report and _time(report.checked_at),
        "reason": judged.reason,
    }


def _state(available: bool) -> str:
    return READY if available else MISSING


def _orchestrator(found: Orchestrators | None, *, connected: bool, listens: bool) -> str:
    """Return the orchestrators' state. Without the broker or the database it cannot be known whether they work."""
    if found is not None and found.reason is not None:
        return MISSING
    return _state(listens) if connected else UNKNOWN


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
