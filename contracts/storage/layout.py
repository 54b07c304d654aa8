"""The database's collections and write concerns, as data: every process uses the same. indexes.py has the indexes."""

from __future__ import annotations

from typing import Any, TypedDict

SUBMISSIONS = "submissions"
IMAGES = "images"
CATALOGUE = "catalogue"
"""The registry of workflows: one document for each, with its versions, aliases and traffic
(contracts/workflows/registry.py)."""

DEFINITIONS = "definitions"
"""The texts of workflow versions, by digest."""

AUDIT = "audit"
"""Every change of the registry, numbered. Nothing is changed or deleted in it."""

COUNTERS = "counters"
"""The last number of the audit log."""

WORKFLOW_VERSIONS = "workflow_versions"
"""Written by releases without a registry: the digests of published versions, ``_id`` = <name>/<version>."""

TOMBSTONES = "tombstones"
"""One document for each deleted or expired submission, for a while (contracts/submissions/tombstones.py). It has
``due_at`` and ``images`` until the deletion is complete."""

WORKFLOW_ALIASES = "workflow_aliases"
"""Written by releases without a registry: ``_id`` = the workflow's name, ``aliases`` = version by alias."""

SERVED_MODELS = "served_models"
"""Where orchestrators call each model, and the outcome: ``_id`` = the model's name and version."""

ORCHESTRATORS = "orchestrators"
"""What each orchestrator reports of itself (contracts/orchestrators): one document for each start of one."""

IDEMPOTENCY_KEYS = "idempotency_keys"
"""``_id`` = the hash of a client's key; with the request's fingerprint and the id of its submission."""

SCHEMA_VERSIONS = "schema_versions"
"""One document, ``_id`` = "submissions": the schema ``version`` that the stored submissions have."""

COLLECTIONS = (
    SUBMISSIONS,
    IMAGES,
    CATALOGUE,
    DEFINITIONS,
    AUDIT,
    COUNTERS,
    WORKFLOW_VERSIONS,
    TOMBSTONES,
    WORKFLOW_ALIASES,
    SERVED_MODELS,
    ORCHESTRATORS,
    IDEMPOTENCY_KEYS,
    SCHEMA_VERSIONS,
)
"""Every collection. The embedded database restricts the choice of names (contracts/storage/secantus.py)."""

CREATED = "created_at"
"""Indexed: lists are read by windows of this time."""


class Concern(TypedDict, total=False):
    """A write concern's options, as MongoDB names them."""

    w: str
    j: bool


JOURNALED: Concern = {"w": "majority", "j": True}
"""The write concern of everything that clients see or other processes rely on: in the journal of a majority."""

UNJOURNALED: Concern = {"w": "majority"}
"""The write concern of data that a journaled write follows before anything relies on it (an image, then the document
that names it), or whose loss only costs an extra check (such as ``due_at``). A journal is an ordered log, so the flush
of the later write includes the earlier one. A flush is the largest part of an embedded database's response time."""

WEBHOOK_DUE: dict[str, Any] = {
    "$cond": [
        {"$ifNull": ["$webhook.url", False]},
        {"url": "$webhook.url", "attempts": "$webhook.attempts", "tries": {"$literal": 0}, "due_at": "$$NOW"},
        "$$REMOVE",
    ]
}
"""The value of ``webhook`` in every update (a pipeline's $set) that makes a submission final. It makes an existing
webhook due, without a read to find out whether there is one."""
