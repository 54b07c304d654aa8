"""Lists of submissions: their filters, and a page of results. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState


@dataclass(frozen=True)
class Filters:
    """A submission matches if it was created in [``created_after``, ``created_before``) and has every given value."""

    state: SubmissionState | None = None
    workflow: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """``next`` is the cursor of the next page, None on the last one. Other pages may be short, even empty, too."""

    items: list[Submission]
    next: str | None


class ListingStore(Protocol):
    """Lists, newest first, by ``created_at`` and id: a new submission never moves what was listed before it.

    Every method raises StoreUnavailable.
    """

    def page(self, filters: Filters, cursor: str | None, limit: int) -> Page:
        """Return at most ``limit`` submissions from ``cursor`` on. Raises InvalidRequest for a wrong cursor."""

    def all(self, filters: Filters, batch: int) -> Iterator[Submission]:
        """Yield all that match and existed at the call, reading ``batch`` of them at a time."""
