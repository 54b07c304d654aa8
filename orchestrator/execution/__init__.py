"""Consumes jobs, claims submissions, calls models and writes checkpoints."""
