"""Making indexes may take long; finding out that there is no database may not. Old data is refused with a sentence."""

from __future__ import annotations

import pytest
from pymongo import MongoClient

from contracts.errors import IncompatibleData, StoreUnavailable
from contracts.storage import layout
from contracts.storage.indexes import INDEXES
from contracts.submissions.documents import SCHEMA
from runtime.mongo import Database, Document, connect
from tests.support.local_cluster import free_ports
from tests.support.patience import PATIENCE


@pytest.mark.timeout(PATIENCE)  # the time that an index may take is a quarter of an hour
def test_a_database_that_is_away_is_reported_within_the_usual_bound() -> None:
    url = f"mongodb://127.0.0.1:{free_ports(1)}/?directConnection=true"
    with connect(url, "tests", 0.2) as client, pytest.raises(StoreUnavailable):
        Database(client, "x").prepare()


def test_every_index_is_made_once(database: tuple[MongoClient[Document], str]) -> None:
    client, name = database
    prepared = Database(client, name)
    prepared.prepare()
    prepared.prepare()
    for index in INDEXES:
        made = client[name][index.collection].index_information().values()
        assert list(index.keys.items()) in [[(key, int(way)) for key, way in each["key"]] for each in made]


def test_an_empty_database_gets_the_schema_of_this_release(database: tuple[MongoClient[Document], str]) -> None:
    client, name = database
    Database(client, name).prepare()
    Database(client, name).prepare()  # a second process
    assert client[name][layout.SCHEMA_VERSIONS].find_one({}) == {"_id": layout.SUBMISSIONS, "version": SCHEMA}


@pytest.mark.parametrize("marked", [False, True])
def test_what_an_older_release_wrote_is_refused(database: tuple[MongoClient[Document], str], marked: bool) -> None:
    client, name = database
    client[name][layout.SUBMISSIONS].insert_one({"_id": "old", "schema": 1})
    if marked:
        client[name][layout.SCHEMA_VERSIONS].insert_one({"_id": layout.SUBMISSIONS, "version": SCHEMA - 1})
    with pytest.raises(IncompatibleData, match="Export them"):
        Database(client, name).prepare()


def test_a_newer_releases_schema_stops_no_process(database: tuple[MongoClient[Document], str]) -> None:
    """During a rolling upgrade both releases run; each leaves alone what it cannot read."""
    client, name = database
    client[name][layout.SCHEMA_VERSIONS].insert_one({"_id": layout.SUBMISSIONS, "version": SCHEMA + 1})
    Database(client, name).prepare()
