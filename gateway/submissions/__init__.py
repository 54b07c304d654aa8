"""The use cases of a submission: accept, list, export, cancel, run again, delete, and show what came of it."""
