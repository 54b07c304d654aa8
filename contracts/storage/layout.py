"""The database's collections, indexes and durability, as data: both processes use the same."""

from __future__ import annotations

from typing import Any, TypedDict

SUBMISSIONS = "submissions"
IMAGES = "images"
WORKFLOW_VERSIONS = "workflow_versions"
"""Published versions: ``_id`` = <name>/<version>, with the digest that may never change."""

TOMBSTONES = "tombstones"
"""What is left of submissions that were deleted or have expired, for a while (contracts/submissions/tombstones.py). One
that is being deleted has ``due_at`` and its ``images`` until it is gone altogether."""

WORKFLOW_ALIASES = "workflow_aliases"
"""What an operator calls the versions of a workflow: ``_id`` = its name, ``aliases`` = version by alias."""

SERVED_MODELS = "served_models"
"""Where orchestrators call each model, and how that went: ``_id`` = the model's name and version."""

IDEMPOTENCY_KEYS = "idempotency_keys"
"""``_id`` = a client's key, hashed; with the request's fingerprint and the id of the submission that it stands for."""

SCHEMA_VERSIONS = "schema_versions"
"""One document, ``_id`` = "submissions": the schema ``version`` that the stored submissions have."""

COLLECTIONS = (
    SUBMISSIONS,
    IMAGES,
    WORKFLOW_VERSIONS,
    TOMBSTONES,
    WORKFLOW_ALIASES,
    SERVED_MODELS,
    IDEMPOTENCY_KEYS,
    SCHEMA_VERSIONS,
)
"""Every collection. The names are chosen for the embedded database too (contracts/storage/secantus.py)."""

CREATED = "created_at"
"""Indexed: lists are read by windows of this time."""


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

WEBHOOK_DUE: dict[str, Any] = {
    "$cond": [
        {"$ifNull": ["$webhook.url", False]},
        {"url": "$webhook.url", "attempts": "$webhook.attempts", "tries": {"$literal": 0}, "due_at": "$$NOW"},
        "$$REMOVE",
    ]
}
"""The value of ``webhook`` in every update (a pipeline's $set) that makes a submission final: who asked to be told is
told, and no read is needed to know whether anybody did."""
