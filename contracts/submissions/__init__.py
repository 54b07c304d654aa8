"""A submission as it is stored: its document, its states and legal moves, its events, and its tombstone."""
