"""Items added during a write are written by the next one, and an error reaches only the callers of its batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.adapters.mongo.group_commit import GroupCommit
from tests.support.patience import PATIENCE


class Disk:
    """Records what is written; the first write blocks until ``released`` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Event()
        self.released = threading.Event()
        self.refused: set[int] = set()

    def write(self, items: Sequence[int]) -> None:
        self.batches.append(list(items))
        if not self.begun.is_set():
            self.begun.set()
            assert self.released.wait(PATIENCE)
        if self.refused & set(items):
            raise OSError("no space")


def _waiting(commit: GroupCommit[int], count: int) -> None:
    """Wait until ``count`` callers wait for the next write."""
    for _ in range(10_000):
        with commit._lock:
            if len(commit._waiting) == count:
                return
        threading.Event().wait(0.001)
    raise AssertionError(f"there were never {count} callers")


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.released.set()


def test_a_lone_item_is_written_at_once(disk: Disk) -> None:
    disk.released.set()
    GroupCommit[int](disk.write, 16).add(7)
    assert disk.batches == [[7]]


def test_items_added_during_a_write_are_written_together(disk: Disk) -> None:
    commit = GroupCommit[int](disk.write, 16)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(commit.add, 0)
        assert disk.begun.wait(PATIENCE)
        rest = [pool.submit(commit.add, number) for number in range(1, 5)]
        _waiting(commit, 4)
        disk.released.set()
        for added in [first, *rest]:
            added.result(PATIENCE)
    assert disk.batches[0] == [0]
    assert sorted(disk.batches[1]) == [1, 2, 3, 4]
    assert len(disk.batches) == 2


def test_a_batch_has_a_limit(disk: Disk) -> None:
    commit = GroupCommit[int](disk.write, 2)
    with ThreadPoolExecutor(6) as pool:
        added = [pool.submit(commit.add, 0)]
        assert disk.begun.wait(PATIENCE)
        added += [pool.submit(commit.add, number) for number in range(1, 6)]
        _waiting(commit, 5)
        disk.released.set()
        for one in added:
            one.result(PATIENCE)
    assert [len(batch) for batch in disk.batches] == [1, 2, 2, 1]
    assert sorted(item for batch in disk.batches for item in batch) == list(range(6))


def test_a_failed_write_raises_in_its_own_batch_and_the_next_one_goes_on(disk: Disk) -> None:
    disk.refused = {1}
    commit = GroupCommit[int](disk.write, 16)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(commit.add, 1)
        assert disk.begun.wait(PATIENCE)
        second = pool.submit(commit.add, 2)
        _waiting(commit, 1)
        disk.released.set()
        with pytest.raises(OSError, match="no space"):
            first.result(PATIENCE)
        second.result(PATIENCE)
    commit.add(3)
    assert disk.batches == [[1], [2], [3]]


def test_many_callers_are_all_written_once() -> None:
    written: list[int] = []
    commit = GroupCommit[int](written.extend, 8)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(commit.add, range(2000)))
    assert sorted(written) == list(range(2000))
