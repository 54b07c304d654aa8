"""The connection to the database, every wait bounded, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from contracts.errors import InvalidSetting, StoreUnavailable
from contracts.storage.layout import INDEX_SECONDS
from runtime.connections import WRONG_MONGO_URL, mongo_options

Document = dict[str, Any]


def connect(url: str, timeout_seconds: float) -> MongoClient[Document]:
    """Return a client that connects when it is first used. ``timeout_seconds`` bounds every call, waits included.

    Raises InvalidSetting.
    """
    try:
        return MongoClient(url, **mongo_options("orchestrator", timeout_seconds))
    except (PyMongoError, ValueError) as error:
        raise InvalidSetting(WRONG_MONGO_URL) from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable for whatever the driver raises inside."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"The database does not answer as it should: {error}") from error


@contextmanager
def making_indexes(database: Database[Document]) -> Iterator[None]:
    """As ``translated``, with as much time as it takes to go through all that is stored, once the database is there."""
    with translated():
        database.command("ping")  # one that is away is told so under the usual bound
        with pymongo.timeout(INDEX_SECONDS):
            yield
