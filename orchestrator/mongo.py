"""The connection to the database, every wait bounded, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from contracts.errors import InvalidSetting, StoreUnavailable

Document = dict[str, Any]


def connect(url: str, timeout_seconds: float) -> MongoClient[Document]:
    """Return a client that connects when it is first used. ``timeout_seconds`` bounds every call, waits included.

    Raises InvalidSetting.
    """
    milliseconds = round(timeout_seconds * 1000)
    try:
        return MongoClient(
            url,
            tz_aware=True,
            appname="showcase-orchestrator",
            timeoutMS=milliseconds,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            # A monitor that keeps a streaming call open also keeps a snapshot open in SecantusDB, which then cannot
            # tidy its cache behind it and stands still once a fifth of that has changed.
            serverMonitoringMode="poll",
        )
    except (PyMongoError, ValueError) as error:
        # Not the library's words: they may hold the URL, and with it a password.
        raise InvalidSetting(
            "SHOWCASE_MONGO_URL is no MongoDB address. Write mongodb://user:password@host:port/."
        ) from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable for whatever the driver raises inside."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"The database does not answer as it should: {error}") from error
