"""What the database holds, counted on a real one: by a census, and by its own statistics."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.submissions.documents import Artifact
from gateway.adapters.mongo.secantus_census import MARGIN
from gateway.adapters.mongo.stored_sizes import MongoStoredSizes
from gateway.adapters.mongo.submissions import MongoSubmissions
from gateway.submissions.quota import DOCUMENT_BYTES, Count, Stored
from runtime.mongo import Database
from tests.support.databases import NamedDatabase
from tests.support.factories import NOW, ONE_STEP, make_submission, make_workflow, png

LATER = NOW + MARGIN + timedelta(hours=1)


def finish(sizes: MongoStoredSizes) -> Count:
    while (count := sizes.count(LATER)) is None:
        pass
    return count


@pytest.fixture
def filled(database: NamedDatabase) -> tuple[Database, int]:
    """A database with three submissions, and the bytes of their images."""
    made = Database(*database)
    made.prepare()
    store = MongoSubmissions(made)
    image = png(8, 8)
    for days in (0, 1, 400):
        submission = make_submission(make_workflow(ONE_STEP), created_at=NOW - timedelta(days=days))
        submission.artifacts = [Artifact(name="mask.png", media_type="image/png", bytes=100)]
        submission.input.bytes = len(image)
        store.accept(submission, image)
    return made, 3 * (len(image) + 100)


def test_a_census_counts_images_and_documents(filled: tuple[Database, int]) -> None:
    database, images = filled
    sizes = MongoStoredSizes(database, None)
    sizes._reads_all = True
    assert finish(sizes).stored == Stored(3, images + 3 * DOCUMENT_BYTES)


def test_statistics_count_the_same(filled: tuple[Database, int]) -> None:
    sizes = MongoStoredSizes(filled[0], None)
    sizes._reads_all = False
    count = finish(sizes)
    assert (count.stored.submissions, count.until) == (3, LATER)
    assert count.stored.bytes > 3 * len(png(8, 8))


@pytest.mark.parametrize("by_census", [True, False])
def test_an_empty_database_holds_nothing(database: NamedDatabase, by_census: bool) -> None:
    sizes = MongoStoredSizes(Database(*database), None)
    sizes._reads_all = by_census
    assert finish(sizes).stored == Stored()


def test_the_disk_of_a_folder_is_known(database: NamedDatabase, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x" * 100_000)
    disk = MongoStoredSizes(Database(*database), tmp_path).disk()
    assert disk is not None
    assert (disk.free > 0, disk.used >= 100_000) == (True, True)
    assert MongoStoredSizes(Database(*database), tmp_path / "nothing").disk() is None
