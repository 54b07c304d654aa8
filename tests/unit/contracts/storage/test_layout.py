"""The collections' names are part of how fast the embedded database is."""

from __future__ import annotations

from secantus.storage import _doc_table_for

from contracts.storage import layout
from runtime.settings import SharedSettings

OTHERS = (
    layout.SUBMISSIONS,
    layout.WORKFLOW_VERSIONS,
    layout.TOMBSTONES,
    layout.WORKFLOW_ALIASES,
    layout.SERVED_MODELS,
    layout.IDEMPOTENCY_KEYS,
)


def test_pictures_have_a_tree_of_their_own() -> None:
    database = SharedSettings.model_fields["mongo_database"].default
    pictures = _doc_table_for(database, layout.IMAGES)
    assert pictures not in {_doc_table_for(database, name) for name in OTHERS}
    assert pictures == _doc_table_for(database, "workflows")  # the name that once shared it: the check can fail
