"""The database's collections, indexes and durability, as data: both processes use the same."""

from __future__ import annotations

SUBMISSIONS = "submissions"
IMAGES = "images"
WORKFLOWS = "workflows"
"""Published versions: ``_id`` = <name>/<version>, with the digest that may never change."""

WRITE_TO = "majority"
JOURNALED = True
"""A write counts once a majority of the replicas has it in its journal: what a client was told is kept."""

SPARSE_INDEXES: tuple[tuple[str, str], ...] = ((SUBMISSIONS, "due_at"),)
"""(collection, field): what a sweep has to look at, by when. Documents in a terminal state have no entry."""

EXPIRY_INDEXES: tuple[tuple[str, str], ...] = ((SUBMISSIONS, "expires_at"), (IMAGES, "expires_at"))
"""(collection, field): the database deletes a document once this time has passed."""
