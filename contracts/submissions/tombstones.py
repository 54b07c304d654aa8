"""A tombstone is kept in place of a deleted submission, so that its address can answer 410. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TOMBSTONE_LIFETIME = timedelta(days=30)
"""How long an address answers that its submission is gone (410), before it answers that there is none (404)."""


class GoneReason(StrEnum):
    EXPIRED = "expired"
    DELETED = "deleted"


class Tombstone(BaseModel):
    """``at`` is when the submission was or will be deleted; the tombstone is stored before the deletion."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    id: str = Field(alias="_id")
    reason: GoneReason
    at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, submission_id: str, reason: GoneReason, at: datetime) -> Tombstone:
        return cls(id=submission_id, reason=reason, at=at, expires_at=at + TOMBSTONE_LIFETIME)

    def document(self) -> dict[str, Any]:
        """Return the document to store."""
        return self.model_dump(by_alias=True, mode="python") | {"reason": self.reason.value}

    def sentence(self) -> str:
        """Return the sentence for a client that asks for the submission."""
        day = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.reason is GoneReason.DELETED:
            return f"The submission {self.id} was deleted at {day}, with its images."
        return f"The submission {self.id} expired at {day} and was deleted, with its images. Submit the image again."
