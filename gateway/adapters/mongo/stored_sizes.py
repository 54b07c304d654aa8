"""What the database holds, for the quota: by its own statistics on MongoDB, by a census on SecantusDB."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from pymongo.errors import OperationFailure

from contracts.storage import layout
from gateway.adapters.mongo.listing import MongoListing
from gateway.adapters.mongo.secantus_census import Census
from gateway.adapters.mongo.secantus_windows import from_milliseconds
from gateway.submissions.quota import DOCUMENT_BYTES, Count, Disk, Stored
from runtime.mongo import Database, Document, translated

MISSING = 26
"""MongoDB's code for a collection that does not exist yet."""

MEASURED = {"_id": 0, "input.bytes": 1, "artifacts.bytes": 1}


class MongoStoredSizes:
    """The port on MongoDB's protocol. ``folder`` holds the database's files, where it is on this machine."""

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._folder = folder
        self._census = Census(SubmissionSizes(database))
        self._reads_all: bool | None = None

    def count(self, now: datetime) -> Count | None:
        if self._statistics_read_everything():
            return self._census.count(now)
        with translated():
            images, submissions = self._statistics(layout.IMAGES), self._statistics(layout.SUBMISSIONS)
        return Count(Stored(int(submissions["count"]), int(images["size"]) + int(submissions["size"])), now)

    def disk(self) -> Disk | None:
        if self._folder is not None:
            return folder_disk(self._folder)
        if self._statistics_read_everything():
            return None
        with translated():
            try:
                found = self._database.command("dbStats")
            except OperationFailure:  # not every server or user has it
                return None
        if "fsTotalSize" not in found:
            return None
        return Disk(int(found["fsTotalSize"]) - int(found["fsUsedSize"]), int(found.get("storageSize", 0)))

    def _statistics(self, collection: str) -> Document:
        try:
            return self._database.command("collStats", collection)
        except OperationFailure as error:
            if error.code == MISSING:
                return {"count": 0, "size": 0}
            raise

    def _statistics_read_everything(self) -> bool:
        if self._reads_all is None:
            with translated():
                self._reads_all = "secantusVersion" in self._database.command("buildInfo")
        return self._reads_all


class SubmissionSizes(MongoListing):
    """The census's source: the lists' own windows."""

    def sizes(self, low: int, high: int) -> Stored:
        window = {layout.CREATED: {"$gte": from_milliseconds(low), "$lt": from_milliseconds(high)}}
        count = size = 0
        with translated():
            for document in self._submissions.find(window, MEASURED):
                count += 1
                size += _image_bytes(document)
        return Stored(count, size + count * DOCUMENT_BYTES)


def folder_disk(folder: Path) -> Disk | None:
    """Return the disk of a database's folder; None where there is no such folder."""
    try:
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
        return Disk(shutil.disk_usage(folder).free, sum(file.st_blocks * 512 for file in files))
    except OSError:
        return None


def _image_bytes(document: Document) -> int:
    """Whatever a newer release or a hand wrote there: what is no number counts nothing."""
    found = document.get("input")
    sizes = [found.get("bytes") if isinstance(found, dict) else 0]
    artifacts = document.get("artifacts")
    if isinstance(artifacts, list):
        sizes += [each.get("bytes") for each in artifacts if isinstance(each, dict)]
    return sum(each for each in sizes if isinstance(each, int))
