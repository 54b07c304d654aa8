"""The types of the real database in tests."""

from __future__ import annotations

from pymongo import MongoClient

from runtime.mongo import Document

NamedDatabase = tuple[MongoClient[Document], str]
"""A client, and the name of a database that the test has for itself."""
