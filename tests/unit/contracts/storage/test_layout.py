"""The collections' names are part of how fast the embedded database is."""

from __future__ import annotations

from secantus.storage import _doc_table_for

from contracts.storage import layout
from runtime.settings import SharedSettings


def test_images_have_a_tree_of_their_own() -> None:
    database = SharedSettings.model_fields["mongo_database"].default
    images = _doc_table_for(database, layout.IMAGES)
    assert images not in {_doc_table_for(database, name) for name in layout.COLLECTIONS if name != layout.IMAGES}
    assert images == _doc_table_for(database, "workflows")  # the name that once shared it: the check can fail


def test_what_clients_rely_on_is_in_the_journal_of_a_majority_and_the_rest_waits_for_no_flush() -> None:
    assert layout.JOURNALED == {"w": "majority", "j": True}
    assert layout.UNJOURNALED == {"w": "majority"}
