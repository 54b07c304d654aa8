"""Counts what is stored on a database that reads all of it for that, such as SecantusDB: a few windows at a time.

Its statistics read every image, while all other calls wait. A census reads the submissions alone, newest first, in
windows of ``created_at`` as the lists do, and goes on in the next run where it stopped: the cost of a run depends on
nothing that is stored. Every submission is seen once in each census, so a count is as old as its census took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from gateway.adapters.mongo.secantus_windows import FIRST_WIDTH, from_milliseconds, milliseconds
from gateway.submissions.quota import Count, Stored

RUN_SUBMISSIONS = 2000
RUN_WINDOWS = 40
"""How much one run reads, about: some 20 ms of the database's time."""

MARGIN = timedelta(seconds=6)
"""A submission is stored at the latest this long after its time of creation, except when its gateway stands still."""


class Source(Protocol):
    """Where the submissions are. Both methods raise StoreUnavailable."""

    def sizes(self, low: int, high: int) -> Stored:
        """Return what is stored of the submissions that were created in [low, high), in milliseconds."""

    def sampled(self, low: int, high: int) -> int | None:
        """Return the newest creation time in [low, high) of a random sample of one submission in SAMPLE_OF."""


@dataclass
class _Progress:
    until: int
    high: int
    width: int = FIRST_WIDTH
    found: Stored = field(default_factory=Stored)


class Census:
    """Used by one thread."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._progress: _Progress | None = None

    def count(self, now: datetime) -> Count | None:
        """Read on. Returns a count once it has reached the oldest submission; the next call then begins again."""
        if self._progress is None:
            until = milliseconds(now - MARGIN)
            until -= until % 1000  # the quota adds what is newer by whole seconds
            self._progress = _Progress(until, until)
        progress = self._progress
        read = windows = 0
        while progress.high > 0 and read < RUN_SUBMISSIONS and windows < RUN_WINDOWS:
            low = max(0, progress.high - progress.width)
            progress.width *= 4
            newest = self._source.sampled(low, progress.high) if progress.high - low > FIRST_WIDTH else None
            if newest is not None:
                low = max(low, min(newest, progress.high - FIRST_WIDTH))
                progress.width = 2 * (progress.high - low)
            found = self._source.sizes(low, progress.high)
            progress.found += found
            progress.high = low
            read += found.submissions
            windows += 1
        if progress.high > 0:
            return None
        self._progress = None
        return Count(progress.found, from_milliseconds(progress.until))
