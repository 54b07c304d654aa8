"""Runs several orchestrators in one process, lets them fail in any order, and checks every write."""
