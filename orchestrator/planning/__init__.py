"""Decides what to do next with a submission, and whether a failed call is retried. Pure."""
