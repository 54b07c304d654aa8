"""Every index of the database, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.storage import secantus
from contracts.storage.layout import CREATED, IDEMPOTENCY_KEYS, IMAGES, SUBMISSIONS, TOMBSTONES

MAKING_SECONDS = 900.0
"""How long making an index may take. Over 200,000 submissions it took half a minute on an idle machine. The database
keeps to the bound that it is given, and the usual one of a call would end every attempt before it is done."""


@dataclass(frozen=True)
class Index:
    """An index on ``keys`` of a collection; ``options`` are MongoDB's own."""

    collection: str
    keys: Mapping[str, int]
    options: Mapping[str, Any] = field(default_factory=dict)


INDEXES: tuple[Index, ...] = (
    # What a sweep looks at, by when: a submission in a terminal state has no entry.
    Index(SUBMISSIONS, {"due_at": 1}, {"sparse": True}),
    # The webhooks that are to be sent: only submissions in a terminal state have one.
    Index(SUBMISSIONS, {"webhook.due_at": 1}, {"sparse": True}),
    # The deletions that are to be finished.
    Index(TOMBSTONES, {"due_at": 1}, {"sparse": True}),
    # Lists.
    Index(SUBMISSIONS, {CREATED: 1}),
    Index(SUBMISSIONS, {CREATED: -1}, {"name": secantus.SAMPLE_INDEX, "partialFilterExpression": secantus.SAMPLE}),
    # What has expired, which the orchestrators delete (contracts/storage/secantus.py says why the database does not).
    *(Index(collection, {"expires_at": 1}) for collection in (SUBMISSIONS, IMAGES, IDEMPOTENCY_KEYS, TOMBSTONES)),
)
"""Each serves a query that is made; there are no others, because each costs 0.15 to 0.3 ms an insert."""

EXPIRING = tuple(index.collection for index in INDEXES if "expires_at" in index.keys)
"""The collections whose documents expire."""
