"""Parses HTTP requests, with an error message for each mistake."""
