"""Values for MongoDB's update pipelines: literal texts, and times by the database's clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from contracts.storage.layout import WEBHOOK_DUE
from contracts.submissions.documents import EVENTS_KEPT, Event

Document = dict[str, Any]

ENDED: Document = {"ended_at": "$$NOW", "webhook": WEBHOOK_DUE}
"""The fields that every update sets when it makes a submission final."""


def literal(models: Sequence[BaseModel]) -> Document:
    """Return the models' documents as a literal, so that a pipeline does not evaluate a text such as "$NOW"."""
    return {"$literal": [model.model_dump(by_alias=True, exclude_none=True) for model in models]}


def from_now(seconds: float) -> Document:
    """Return the database's current time plus ``seconds``, to the millisecond."""
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}}


def appended(events: Sequence[Event]) -> Document:
    """Return the changes that append events to a submission, keep only the latest ones, and count them."""
    if not events:
        return {}
    together = {"$concatArrays": [{"$ifNull": ["$events", []]}, literal(events)]}
    return {
        "events": {"$slice": [together, -EVENTS_KEPT]},
        "event_count": {"$add": [{"$ifNull": ["$event_count", 0]}, len(events)]},
    }
