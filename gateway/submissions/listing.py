"""Lists of submissions: what is asked for, and a page of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from contracts.submissions.documents import Submission
from contracts.submissions.states import SubmissionState


@dataclass(frozen=True)
class Filters:
    """What is listed: ``created_after`` (included) until ``created_before`` (excluded), and every value as given."""

    state: SubmissionState | None = None
    workflow: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """``next`` is the cursor of the next page; only None says that there is none. A page may be short, even empty."""

    items: list[Submission]
    next: str | None


class ListingStore(Protocol):
    """Lists, newest first, by ``created_at`` and id: a new submission never moves what was listed before it.

    Every method raises StoreUnavailable.
    """

    def page(self, filters: Filters, cursor: str | None, limit: int) -> Page:
        """Return at most ``limit`` submissions from ``cursor`` on. Raises InvalidRequest for a wrong cursor."""

    def all(self, filters: Filters, batch: int) -> Iterator[Submission]:
        """Yield all that match and existed at the call, ``batch`` of them a read."""
