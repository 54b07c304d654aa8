"""Every index of the database, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.storage import secantus
from contracts.storage.layout import (
    AUDIT,
    CREATED,
    DEFINITIONS,
    IDEMPOTENCY_KEYS,
    IMAGES,
    ORCHESTRATORS,
    SUBMISSIONS,
    TOMBSTONES,
)

MAKING_SECONDS = 900.0
"""How long creating an index may take. With 200,000 submissions it took half a minute on an idle machine. The database
aborts an operation after its time limit, so the usual limit of a call would abort every attempt."""


@dataclass(frozen=True)
class Index:
    """An index on ``keys`` of a collection; ``options`` are MongoDB's own."""

    collection: str
    keys: Mapping[str, int]
    options: Mapping[str, Any] = field(default_factory=dict)


EXPIRING = (SUBMISSIONS, IMAGES, IDEMPOTENCY_KEYS, TOMBSTONES, DEFINITIONS, ORCHESTRATORS)
"""The collections whose documents expire."""

INDEXES: tuple[Index, ...] = (
    # The submissions that a sweep checks, by time: one in a terminal state has no entry.
    Index(SUBMISSIONS, {"due_at": 1}, {"sparse": True}),
    # The webhooks to send: only submissions in a terminal state have an entry.
    Index(SUBMISSIONS, {"webhook.due_at": 1}, {"sparse": True}),
    # The deletions to finish.
    Index(TOMBSTONES, {"due_at": 1}, {"sparse": True}),
    # Lists.
    Index(SUBMISSIONS, {CREATED: 1}),
    Index(SUBMISSIONS, {CREATED: -1}, {"name": secantus.SAMPLE_INDEX, "partialFilterExpression": secantus.SAMPLE}),
    # The audit log, by pages.
    Index(AUDIT, {"tenant": 1, "number": 1}),
    # Expired documents. The orchestrators delete them (contracts/storage/secantus.py says why the database does not).
    *(Index(collection, {"expires_at": 1}) for collection in EXPIRING),
)
"""Each serves an existing query. There are no others, because each index adds 0.15 to 0.3 ms to an insert."""
