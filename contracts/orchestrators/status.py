"""An orchestrator's report on itself, and on each model that it calls. Gateways judge it by its age. Pure.

Every start of an orchestrator has a report of its own, under an id of its own. A report that ends without
``stopped_at`` is a crash. Times are the database's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState

KEPT = timedelta(minutes=10)
"""How long a report is kept after its last change."""


class BreakerState(StrEnum):
    """`closed`: the model is called. `open`: it is not, but for a trial now and then. `half-open`: the next call is a
    trial, and none has come for a while."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class _Report(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class ModelReport(_Report):
    """A model as one orchestrator sees it.

    ``state`` is the outcome of the last call, or of the last look at the server if that failed. ``checked_at`` is the
    time of the last look, ``reason`` is why it failed; None where it did not. ``address`` has no credentials.
    """

    model: ModelRef
    address: str
    state: ServedState
    breaker: BreakerState
    checked_at: datetime | None = None
    reason: str | None = None


class OrchestratorReport(_Report):
    """``swept_at`` is the end of its last successful sweep, None before the first one."""

    id: str = Field(alias="_id")
    host: str
    pid: int
    started_at: datetime
    swept_at: datetime | None = None
    stopped_at: datetime | None = None
    models: list[ModelReport] = Field(default_factory=list)
    expires_at: datetime

    @property
    def seen_at(self) -> datetime:
        """When it last gave a sign of life."""
        return self.stopped_at or self.swept_at or self.started_at


def to_document(report: OrchestratorReport) -> dict[str, Any]:
    """Return what is stored."""
    return report.model_dump(by_alias=True, exclude_none=True)


def from_document(document: dict[str, Any]) -> OrchestratorReport:
    """Read a stored report. Raises pydantic's ValidationError for one that no release wrote."""
    return OrchestratorReport.model_validate(document)
