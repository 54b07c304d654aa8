"""The use cases of a submission: accept, list, export, cancel, retry, delete, and show its result."""
