"""The quota of what is stored: bytes and submissions. A full store refuses further ones early, and says what to do.

An upload asks numbers in memory, never the database. The housekeeping counts what is stored every few seconds; in
between each gateway adds what it stores itself. So several gateways may exceed the limit together by what the others
store between two counts.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from contracts.errors import StorageFull
from contracts.submissions.documents import Submission

log = structlog.get_logger()

DOCUMENT_BYTES = 4096
"""What a submission takes besides its images: its document and its entries in indexes, about."""

UNKNOWN_DISK_BYTES = 100 * 2**30
"""The limit where the database does not say how large its disk is."""

RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True)
class Stored:
    """How many submissions are stored, and their bytes, images included."""

    submissions: int = 0
    bytes: int = 0

    def __add__(self, other: Stored) -> Stored:
        return Stored(self.submissions + other.submissions, self.bytes + other.bytes)


@dataclass(frozen=True)
class Count:
    """What is stored of the submissions that were created before ``until``."""

    stored: Stored
    until: datetime


@dataclass(frozen=True)
class Disk:
    """The database's disk, in bytes: what is free on it, and what the database takes already."""

    free: int
    used: int


class StoredSizes(Protocol):
    """What the database holds. Every method raises StoreUnavailable."""

    def count(self, now: datetime) -> Count | None:
        """Go on counting for a bounded time. None: this count is not finished yet."""

    def disk(self) -> Disk | None:
        """Return the database's disk. None: it does not say."""


def derived_limit(disk: Disk | None) -> int:
    """Return the bytes to store where no setting says it: four fifths of what the disk has for the database.

    The rest is for journals, indexes, and the space that deleted images leave in files.
    """
    return UNKNOWN_DISK_BYTES if disk is None else (disk.free + disk.used) * 4 // 5


class StorageQuota:
    """Decides whether anything more may be stored. 0 as a limit: bytes by the disk, submissions without one.

    Thread-safe.
    """

    def __init__(self, bytes_limit: int = 0, submissions_limit: int = 0) -> None:
        self._bytes_limit = bytes_limit
        self._submissions_limit = submissions_limit
        self._lock = threading.Lock()
        self._counted = Stored()
        self._counted_until: datetime | None = None
        self._added: defaultdict[int, Stored] = defaultdict(Stored)  # by the second in which it was created
        self._refuses = False

    def check(self) -> None:
        """Raise StorageFull when the limit is reached."""
        sentence = self.full()
        if bool(sentence) != self._refuses:
            self._refuses = bool(sentence)
            log.warning("storage full" if sentence else "storage accepts submissions again", **self.report())
        if sentence:
            raise StorageFull(
                f"{sentence} Nothing was stored; delete submissions, or wait until some expire.", RETRY_AFTER_SECONDS
            )

    def add(self, submission: Submission) -> None:
        """Count a submission that this gateway has just stored."""
        with self._lock:
            second = int(submission.created_at.timestamp())
            self._added[second] += Stored(1, submission.input.bytes + DOCUMENT_BYTES)

    def follow(self, count: Count) -> None:
        """Take over a finished count."""
        with self._lock:
            self._counted, self._counted_until = count.stored, count.until
            first = int(count.until.timestamp())
            for second in [second for second in self._added if second < first]:
                del self._added[second]

    def limit_bytes(self, disk: Disk | None) -> None:
        """Derive the limit of bytes from the disk, unless it is set."""
        self._bytes_limit = self._bytes_limit or derived_limit(disk)

    @property
    def undecided(self) -> bool:
        """Whether the limit of bytes is neither set nor derived yet."""
        return self._bytes_limit == 0

    @property
    def stored(self) -> Stored:
        with self._lock:
            return sum(self._added.values(), self._counted)

    def full(self) -> str:
        """Return a sentence when a limit is reached, else an empty text."""
        stored = self.stored
        if self._bytes_limit and stored.bytes >= self._bytes_limit:
            return f"{_size(stored.bytes)} of {_size(self._bytes_limit)} are stored, which is the limit."
        if self._submissions_limit and stored.submissions >= self._submissions_limit:
            return f"{stored.submissions} submissions are stored; the limit is {self._submissions_limit}."
        return ""

    def report(self) -> dict[str, object]:
        """Return what is stored and the limits, for health; a limit is None where there is none (yet)."""
        stored = self.stored
        return {
            "submissions": stored.submissions,
            "submissions_limit": self._submissions_limit or None,
            "bytes": stored.bytes,
            "bytes_limit": self._bytes_limit or None,
            "counted_until": None if self._counted_until is None else self._counted_until.isoformat(),
        }


class StorageCount:
    """Keeps a quota up to date. Used by one thread."""

    def __init__(self, sizes: StoredSizes, quota: StorageQuota) -> None:
        self._sizes = sizes
        self._quota = quota

    def run_once(self, now: datetime) -> None:
        """Count on, for a bounded time. Raises StoreUnavailable."""
        if self._quota.undecided:
            self._quota.limit_bytes(self._sizes.disk())
        count = self._sizes.count(now)
        if count is not None:
            self._quota.follow(count)


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
