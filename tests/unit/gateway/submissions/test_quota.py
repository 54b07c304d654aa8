"""The quota: what is counted, what is added between two counts, and when it refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.errors import StorageFull, StoreUnavailable
from gateway.submissions.quota import (
    DOCUMENT_BYTES,
    UNKNOWN_DISK_BYTES,
    Count,
    Disk,
    StorageCount,
    StorageQuota,
    Stored,
    derived_limit,
)
from tests.support.factories import NOW, ONE_STEP, make_submission, make_workflow
from tests.support.fake_sizes import MemorySizes

SECOND = timedelta(seconds=1)


def add(quota: StorageQuota, after: timedelta = timedelta()) -> int:
    """Add a submission and return its bytes."""
    made = make_submission(make_workflow(ONE_STEP), created_at=NOW + after)
    quota.add(made)
    return made.input.bytes + DOCUMENT_BYTES


def test_without_limits_it_refuses_nothing() -> None:
    quota = StorageQuota()
    quota.follow(Count(Stored(10**9, 10**15), NOW))
    quota.check()


@pytest.mark.parametrize(
    ("quota", "sentence"),
    [
        (StorageQuota(bytes_limit=3 * 2**30), "3.0 GiB of 3.0 GiB are stored, which is the limit."),
        (StorageQuota(submissions_limit=7), "7 submissions are stored; the limit is 7."),
    ],
)
def test_a_limit_that_is_reached_refuses_with_what_to_do(quota: StorageQuota, sentence: str) -> None:
    quota.follow(Count(Stored(6, 3 * 2**30 - 1), NOW))
    quota.check()
    quota.follow(Count(Stored(7, 3 * 2**30), NOW))
    with pytest.raises(StorageFull) as caught:
        quota.check()
    assert caught.value.message == f"{sentence} Nothing was stored; delete submissions, or wait until some expire."
    quota.follow(Count(Stored(6, 0), NOW))
    quota.check()


def test_between_two_counts_its_own_submissions_are_added() -> None:
    quota = StorageQuota(submissions_limit=3)
    quota.follow(Count(Stored(1, 100), NOW))
    size = add(quota) + add(quota, SECOND)
    assert quota.stored == Stored(3, 100 + size)
    with pytest.raises(StorageFull):
        quota.check()


def test_a_count_replaces_what_it_has_seen_and_nothing_else() -> None:
    quota = StorageQuota()
    add(quota, -SECOND)
    size = add(quota) + add(quota, SECOND)
    quota.follow(Count(Stored(1, 100), NOW))
    assert quota.stored == Stored(3, 100 + size)
    quota.follow(Count(Stored(3, 100 + size), NOW + 2 * SECOND))
    assert quota.stored == Stored(3, 100 + size)


@pytest.mark.parametrize(
    ("disk", "limit"),
    [(Disk(free=60, used=40), 80), (Disk(free=0, used=100), 80), (None, UNKNOWN_DISK_BYTES)],
)
def test_without_a_setting_the_disk_gives_the_limit(disk: Disk | None, limit: int) -> None:
    quota = StorageQuota()
    assert quota.undecided
    StorageCount(MemorySizes(on_disk=disk), quota).run_once(NOW)
    assert (derived_limit(disk), quota.report()["bytes_limit"]) == (limit, limit)


def test_a_limit_that_is_set_stays() -> None:
    quota = StorageQuota(bytes_limit=5)
    StorageCount(MemorySizes(Stored(1, 4), Disk(1000, 1000)), quota).run_once(NOW)
    assert (quota.report()["bytes_limit"], quota.stored) == (5, Stored(1, 4))


def test_an_outage_leaves_the_last_count() -> None:
    quota, sizes = StorageQuota(), MemorySizes(Stored(1, 4))
    count = StorageCount(sizes, quota)
    count.run_once(NOW)
    sizes.away = True
    with pytest.raises(StoreUnavailable):
        count.run_once(NOW + SECOND)
    assert quota.stored == Stored(1, 4)
    assert quota.report()["counted_until"] == NOW.isoformat()
