"""Puts load on a cluster, breaks its parts at chosen moments, and counts what became of every submission."""
