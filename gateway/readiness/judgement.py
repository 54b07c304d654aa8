"""Judges the orchestrators and the models by the orchestrators' reports and their age. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.orchestrators.status import BreakerState, ModelReport, OrchestratorReport
from contracts.submissions.documents import ModelRef

WORKED_WITHIN = timedelta(seconds=15)
"""An orchestrator works if its last successful sweep is no older: several sweeps may be late in a row."""

LOOKED_WITHIN = timedelta(seconds=20)
"""A look at a model server counts for this long."""

CRASHES = 5
CRASH_WINDOW = timedelta(minutes=5)
STABLE = timedelta(seconds=60)
"""Orchestrators keep crashing when CRASHES of them ended by themselves within CRASH_WINDOW, and none that works has run
for STABLE. So one good start ends the verdict, and several orchestrators stand in for one that crashes."""


@dataclass(frozen=True)
class Orchestrators:
    """``working`` did their work within the last seconds; ``crashes`` ended by themselves in the last minutes.

    ``reason`` says why work is not done; None while it is.
    """

    working: tuple[OrchestratorReport, ...]
    starts: int
    crashes: int
    reason: str | None


@dataclass(frozen=True)
class JudgedModel:
    """A model with the best report on it; ``reason`` says why it cannot be called now, None while it can."""

    model: ModelRef
    report: ModelReport | None
    reason: str | None


def judge_orchestrators(reports: Collection[OrchestratorReport], now: datetime) -> Orchestrators:
    """Judge the reports at ``now``, by the database's clock."""
    working = tuple(each for each in reports if each.stopped_at is None and _recent(each.swept_at, now, WORKED_WITHIN))
    crashed = [
        each
        for each in reports
        if each.stopped_at is None and WORKED_WITHIN < now - each.seen_at <= CRASH_WINDOW + WORKED_WITHIN
    ]
    starts = sum(_recent(each.started_at, now, CRASH_WINDOW) for each in reports)
    stable = any(now - each.started_at >= STABLE for each in working)
    reason = None
    if len(crashed) >= CRASHES and not stable:
        reason = (
            f"The orchestrator keeps crashing: {len(crashed)} times in the last {_minutes(CRASH_WINDOW)} minutes, and "
            f"none has run for {STABLE.seconds} s."
        )
    elif not working:
        reason = f"No orchestrator has done its work within the last {WORKED_WITHIN.seconds} s."
    return Orchestrators(working, starts, len(crashed), reason)


def judge_models(
    pins: Sequence[ModelRef], working: Collection[OrchestratorReport], now: datetime
) -> tuple[JudgedModel, ...]:
    """Judge each pinned model: it can be called if one of the working orchestrators can call it."""
    found = []
    for pin in pins:
        reports = [each for orchestrator in working for each in orchestrator.models if each.model == pin]
        judged = [JudgedModel(pin, each, _unusable(each, now)) for each in reports]
        found.append(
            next((each for each in judged if each.reason is None), None)
            or next(iter(judged), JudgedModel(pin, None, "no orchestrator has reported it."))
        )
    return tuple(found)


def model_sentences(models: Sequence[JudgedModel]) -> list[str]:
    """Return a sentence for each reason why models cannot be called, with all models that it is true of."""
    by_reason: dict[str, list[str]] = {}
    for each in models:
        if each.reason is not None:
            by_reason.setdefault(each.reason, []).append(str(each.model))
    return [f"{', '.join(names)} cannot be called: {reason}" for reason, names in by_reason.items()]


def _unusable(report: ModelReport, now: datetime) -> str | None:
    if report.breaker is BreakerState.OPEN:
        return "its circuit breaker is open, because it did not answer several calls in a row."
    if report.reason is not None:
        return f"its server {report.address} does not answer: {report.reason}"
    if not _recent(report.checked_at, now, LOOKED_WITHIN):
        return "no orchestrator has looked at its server within the last seconds."
    return None


def _recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    return at is not None and now - at <= within


def _minutes(duration: timedelta) -> int:
    return round(duration.total_seconds() / 60)
