"""The connection to the database: every wait is bounded, every driver error becomes one of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from contracts.errors import IncompatibleData, InvalidSetting, StoreUnavailable
from contracts.storage import layout, secantus
from contracts.storage.indexes import INDEXES, MAKING_SECONDS
from contracts.submissions.documents import SCHEMA, Submission, from_document, image_key
from contracts.submissions.images import StoredImage
from runtime.clock import DatabaseTime

Document = dict[str, Any]

WRONG_URL = "SHOWCASE_MONGO_URL is not a MongoDB address. Write mongodb://user:password@host:port/."
"""Replaces the driver's own message, which may contain the URL and with it a password."""


class Database:
    """The platform's database: its collections, its clock, its indexes. Thread-safe, as the driver's client is."""

    def __init__(self, client: MongoClient[Document], name: str) -> None:
        self._journaled = client.get_database(name, write_concern=WriteConcern(**layout.JOURNALED))
        self._unjournaled = client.get_database(name, write_concern=WriteConcern(**layout.UNJOURNALED))
        self._time = DatabaseTime()
        self._preparing = threading.Lock()
        self._prepared = False

    def journaled(self, collection: str) -> Collection[Document]:
        """Return the collection; a write to it is acknowledged once it is in a majority's journal."""
        return self._journaled[collection]

    def unjournaled(self, collection: str) -> Collection[Document]:
        """Return the collection for writes that a journaled write follows, or whose loss does no harm."""
        return self._unjournaled[collection]

    def command(self, name: str, value: object = 1) -> Document:
        """Run a command and return its answer. Raises the driver's errors: use it within ``translated``."""
        return dict(self._journaled.command(name, value))

    def now(self) -> datetime:
        """Return the database's time as last measured. Raises StoreUnavailable."""
        return self._time.now() or self.measure_time()

    def measure_time(self) -> datetime:
        """Measure the database's time and return it. Raises StoreUnavailable."""
        with translated():
            answer = self._journaled.command("hello")
        return self._time.measured(answer["localTime"])

    def ping(self) -> None:
        """Measure the time and read once: a server whose storage hangs still answers the measurement.

        Raises StoreUnavailable.
        """
        self.measure_time()
        with translated():
            self._journaled[layout.SUBMISSIONS].find_one({"_id": ""})

    def prepare(self) -> None:
        """Check the stored data's version and create the indexes that bound every query; once in each process.

        With many stored submissions this takes minutes. Raises StoreUnavailable, and IncompatibleData if an older
        release wrote the stored data.
        """
        with self._preparing:
            if self._prepared:
                return
            with translated():
                self._journaled.command("ping")  # an unavailable database is noticed within the usual bound
                with pymongo.timeout(MAKING_SECONDS):
                    for index in INDEXES:
                        self._journaled[index.collection].create_index(list(index.keys.items()), **index.options)
                self._check_schema()
            self._prepared = True

    def _check_schema(self) -> None:
        versions = self._journaled[layout.SCHEMA_VERSIONS]
        known = versions.find_one({"_id": layout.SUBMISSIONS})
        if known is None and self._journaled[layout.SUBMISSIONS].find_one() is None:
            with suppress(DuplicateKeyError):  # another process was faster
                versions.insert_one({"_id": layout.SUBMISSIONS, "version": SCHEMA})
        elif known is None or known["version"] < SCHEMA:
            raise IncompatibleData(
                f"The database {self._journaled.name} holds submissions of an older release, which this one cannot "
                "read. Export them with that release (GET /api/v2/export), then reset the database (make reset "
                "deletes the local cluster's), or name another one with SHOWCASE_MONGO_DATABASE."
            )

    def submission(self, submission_id: str) -> Submission | None:
        """Raises StoreUnavailable, UnknownSchema and InvalidDocument."""
        with translated():
            document = self._journaled[layout.SUBMISSIONS].find_one({"_id": submission_id})
        return from_document(document) if document else None

    def image(self, submission_id: str, name: str) -> StoredImage | None:
        """Return a stored input or artifact. Raises StoreUnavailable."""
        with translated():
            document = self._journaled[layout.IMAGES].find_one({"_id": image_key(submission_id, name)})
        return StoredImage(document["media_type"], bytes(document["data"])) if document else None


def connect(url: str, process: str, timeout_seconds: float) -> MongoClient[Document]:
    """Return a client that connects when it is first used.

    ``process`` names the client in the database's log; ``timeout_seconds`` bounds every call, waits included. Raises
    InvalidSetting.
    """
    milliseconds = round(timeout_seconds * 1000)
    try:
        return MongoClient(
            url,
            appname=f"showcase-{process}",
            tz_aware=True,
            timeoutMS=milliseconds,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            serverMonitoringMode=secantus.MONITORING_MODE,
        )
    except (PyMongoError, ValueError) as error:
        raise InvalidSetting(WRONG_URL) from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable for every error of the driver, except for DuplicateKeyError."""
    try:
        yield
    except DuplicateKeyError:
        raise
    except PyMongoError as error:
        raise StoreUnavailable(f"The database does not answer as it should: {error}") from error
