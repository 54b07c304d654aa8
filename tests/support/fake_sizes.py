"""What a database holds, in memory, for the quota."""

from __future__ import annotations

from datetime import datetime

from contracts.errors import StoreUnavailable
from gateway.submissions.quota import Count, Disk, Stored


class MemorySizes:
    """``stored`` and ``on_disk`` are what it says; ``away`` makes every call fail."""

    def __init__(self, stored: Stored | None = None, on_disk: Disk | None = None) -> None:
        self.stored = stored or Stored()
        self.on_disk = on_disk
        self.away = False

    def count(self, now: datetime) -> Count | None:
        self._answer()
        return Count(self.stored, now)

    def disk(self) -> Disk | None:
        self._answer()
        return self.on_disk

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("The database is away.")
