"""The collections' names are part of how fast the embedded database is."""

from __future__ import annotations

from secantus.storage import _doc_table_for

from contracts import store_layout
from contracts.configuration import SharedSettings

OTHERS = (
    store_layout.SUBMISSIONS,
    store_layout.WORKFLOW_VERSIONS,
    store_layout.TOMBSTONES,
    store_layout.WORKFLOW_ALIASES,
    store_layout.SERVED_MODELS,
    store_layout.IDEMPOTENCY_KEYS,
)


def test_pictures_have_a_tree_of_their_own() -> None:
    database = SharedSettings.model_fields["mongo_database"].default
    pictures = _doc_table_for(database, store_layout.IMAGES)
    assert pictures not in {_doc_table_for(database, name) for name in OTHERS}
    assert pictures == _doc_table_for(database, "workflows")  # the name that once shared it: the check can fail
