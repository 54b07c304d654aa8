"""Delivery of submissions' state changes to waiting clients."""
