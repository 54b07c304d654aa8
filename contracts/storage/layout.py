"""The database's collections, indexes and durability, as data: both processes use the same."""

from __future__ import annotations

from typing import Any, TypedDict

SUBMISSIONS = "submissions"
IMAGES = "images"
WORKFLOW_VERSIONS = "workflow_versions"
"""Published versions: ``_id`` = <name>/<version>, with the digest that may never change.

The name matters: SecantusDB keeps a database's collections in 16 trees, by a hash of both names. A collection whose
name sorts after ``images`` in the same tree ("workflows" was one) makes each picture an insertion in mid-tree, and
WiredTiger then tries in vain to evict the page before every single one: 9 ms instead of 1. A test holds them apart."""

TOMBSTONES = "tombstones"
"""What is left of submissions that were deleted or have expired, for a while (contracts/submissions/tombstones.py). One
that is being deleted has ``due_at`` and its ``pictures`` until it is gone altogether."""

WORKFLOW_ALIASES = "workflow_aliases"
"""What an operator calls the versions of a workflow: ``_id`` = its name, ``aliases`` = version by alias."""

SERVED_MODELS = "served_models"
"""Where orchestrators call each model, and how that went: ``_id`` = the model's name and version."""


IDEMPOTENCY_KEYS = "idempotency_keys"
"""``_id`` = a client's key, hashed; with the request's fingerprint and the id of the submission that it stands for."""


class Concern(TypedDict, total=False):
    """A write concern's options, as MongoDB names them."""

    w: str
    j: bool


JOURNALED: Concern = {"w": "majority", "j": True}
"""The write concern of what a client is told, or another process builds on: in the journal of a majority."""

UNJOURNALED: Concern = {"w": "majority"}
"""The write concern of what a journaled write follows before anybody builds on it (a picture, and then the document
that names it), or whose loss costs a look (when to look again). A journal is one log in order: the later write's
flush holds the earlier one too, and one flush less is the largest part of an embedded database's answer."""

SPARSE_INDEXES: tuple[tuple[str, str], ...] = (
    (SUBMISSIONS, "due_at"),
    (SUBMISSIONS, "webhook.due_at"),
    (TOMBSTONES, "due_at"),
)
"""(collection, field): what a sweep has to look at, by when (documents in a terminal state have no entry), and the
webhooks that are to be sent (only documents in a terminal state have one), and the deletions to be finished."""

INDEX_SECONDS = 900.0
"""What making an index may take: over 200,000 submissions that were stored before there was one, half a minute
on an idle machine, and minutes on a busy one.
The usual bound of a call, which the database is told and keeps to, would end each attempt before it is done."""

WEBHOOK_DUE: dict[str, Any] = {
    "$cond": [
        {"$ifNull": ["$webhook.url", False]},
        {"url": "$webhook.url", "attempts": "$webhook.attempts", "tries": {"$literal": 0}, "due_at": "$$NOW"},
        "$$REMOVE",
    ]
}
"""The value of ``webhook`` in every update (a pipeline's $set) that makes a submission final: who asked to be told is
told, and no read is needed to know whether anybody did."""

CREATED = "created_at"
"""Indexed: lists are read by windows of this time."""

SAMPLE_INDEX = "a_sample_of_created_at"
SAMPLE: dict[str, dict[str, str]] = {"_id": {"$lt": "01"}}
SAMPLE_OF = 256
"""A second index on ``created_at`` that holds one submission in 256: ids are random, and begin with two hexadecimal
digits. It tells how dense a window is before anybody reads it. SecantusDB takes the first index by name that serves a
query, so this name has to sort before the other's; one that does not ask for the sample cannot be served by it. Its
key descends, because MongoDB wants two indexes of one field to differ in more than their filters."""

EXPIRY_INDEXES: tuple[tuple[str, str], ...] = (
    (SUBMISSIONS, "expires_at"),
    (IMAGES, "expires_at"),
    (IDEMPOTENCY_KEYS, "expires_at"),
    (TOMBSTONES, "expires_at"),
)
"""(collection, field): the orchestrators delete a document once this time has passed.

Not the database: one that expires by itself tells nobody, and SecantusDB reads every collection with such an index
whole, pictures included, once a minute, while everybody waits (17 s and longer at 200,000 submissions). These indexes
descend, so that they can stand beside the ascending ones of earlier releases until those are dropped."""

EXPIRING_INDEX = "expires_at_1"
"""What earlier releases had the database delete by."""
