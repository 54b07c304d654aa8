"""Workflow files, the expressions in them, and the catalogue of those that are published."""
