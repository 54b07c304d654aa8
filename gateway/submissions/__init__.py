"""Use cases of submissions: accept, list, export, cancel, retry, delete, and show results."""
