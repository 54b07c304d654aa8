"""Consumes jobs and runs each submission through its workflow's models."""
