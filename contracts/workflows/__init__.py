"""Workflow files, their expressions, and the catalogue of published workflows."""
