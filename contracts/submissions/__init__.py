"""A submission as it is stored: its document, its states and transitions, its events, and its tombstone."""
