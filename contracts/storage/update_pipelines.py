"""Values in MongoDB's update pipelines: stored text that stays text, and times by the database's clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from contracts.storage.layout import WEBHOOK_DUE
from contracts.submissions.documents import EVENTS_KEPT, Event

Document = dict[str, Any]

ENDED: Document = {"ended_at": "$$NOW", "webhook": WEBHOOK_DUE}
"""What every update sets that makes a submission final, be it by its work or by its owner's word."""


def literal(models: Sequence[BaseModel]) -> Document:
    """Return the models' documents as a value that no pipeline reads as an expression: a label "$NOW" is a label."""
    return {"$literal": [model.model_dump(by_alias=True, exclude_none=True) for model in models]}


def from_now(seconds: float) -> Document:
    """Return the time so many seconds (to the millisecond) from the database's now."""
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}


def appended(events: Sequence[Event]) -> Document:
    """Return the changes that append to a submission's events, of which the latest are kept, and count them."""
    if not events:
        return {}
    together = {"$concatArrays": [{"$ifNull": ["$events", []]}, literal(events)]}
    return {
        "events": {"$slice": [together, -EVENTS_KEPT]},
        "event_count": {"$add": [{"$ifNull": ["$event_count", 0]}, len(events)]},
    }
