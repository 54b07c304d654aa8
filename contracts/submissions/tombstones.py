"""What is left of a submission that is no more, for as long as somebody may still ask for it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

KEPT = timedelta(days=30)
"""For so long an address answers that its submission is gone (410), and not that there never was one (404)."""


class GoneReason(StrEnum):
    EXPIRED = "expired"
    DELETED = "deleted"


class Tombstone(BaseModel):
    """``at`` is when the submission went, or will go: one is written ahead of the deletion."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    id: str = Field(alias="_id")
    reason: GoneReason
    at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, submission_id: str, reason: GoneReason, at: datetime) -> Tombstone:
        return cls(id=submission_id, reason=reason, at=at, expires_at=at + KEPT)

    def document(self) -> dict[str, Any]:
        """Return what is stored."""
        return self.model_dump(by_alias=True, mode="python") | {"reason": self.reason.value}

    def sentence(self) -> str:
        """Return what who asks for it is told."""
        day = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.reason is GoneReason.DELETED:
            return f"The submission {self.id} was deleted at {day}, with its images."
        return f"The submission {self.id} was kept until {day}; it is deleted, with its images. Submit the image again."
