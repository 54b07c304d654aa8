"""What expires has a tombstone before it is deleted, and is read a few times and not in every pass."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.errors import StoreUnavailable
from contracts.submissions.tombstones import TOMBSTONE_LIFETIME, GoneReason, Tombstone
from orchestrator.maintenance.expiry import HORIZON, Expiry
from tests.support.factories import NOW, make_submission
from tests.support.fake_data import MemoryTombstones
from tests.support.fakes import FakeClock, MemoryStore


class Setting:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.expiry_store = MemoryTombstones(self.store)
        self.expiry = Expiry(self.expiry_store, self.clock)

    def kept(self, seconds: float) -> str:
        submission = make_submission(expires_at=self.clock.now() + timedelta(seconds=seconds))
        self.store.accept(submission, b"")
        return submission.id


def test_what_expires_within_a_minute_has_a_tombstone_and_stays_until_then() -> None:
    setting = Setting()
    soon, later = setting.kept(30), setting.kept(300)
    assert setting.expiry.once() == 0
    assert setting.expiry_store.tombstones.keys() == {soon}
    tombstone = setting.expiry_store.tombstones[soon]
    assert (tombstone.reason, tombstone.at) == (GoneReason.EXPIRED, NOW + timedelta(seconds=30))
    assert tombstone.expires_at == tombstone.at + TOMBSTONE_LIFETIME
    assert setting.store.documents.keys() == {soon, later}
    setting.clock.advance(31)
    assert setting.expiry.once() == 1
    assert setting.store.documents.keys() == {later}


@pytest.mark.parametrize("days", [0.001, 1, 39.9, 41, 4000])
def test_what_expired_before_the_start_gets_a_tombstone_and_is_deleted(days: float) -> None:
    setting = Setting()
    past = setting.kept(-86400 * days)
    assert setting.expiry.once() == 1
    assert not setting.store.documents
    assert (past in setting.expiry_store.tombstones) == (timedelta(days=days) < TOMBSTONE_LIFETIME)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3.0, 7.0, 59.0, 61.0, 119.0])
def test_each_has_a_tombstone_before_it_is_deleted_whenever_it_was_created(seconds: float) -> None:
    setting = Setting()
    for _ in range(5):
        setting.clock.advance(2)
        setting.expiry.once()
    key = setting.kept(seconds)
    for _ in range(65):
        setting.clock.advance(2)
        setting.expiry.once()
    assert key in setting.expiry_store.tombstones
    assert not setting.store.documents


def test_a_tombstone_goes_when_its_own_time_has_come() -> None:
    setting = Setting()
    key = setting.kept(1)
    setting.clock.advance(2)
    setting.expiry.once()
    setting.clock.advance(TOMBSTONE_LIFETIME.total_seconds() - 2)
    setting.expiry.once()
    assert key in setting.expiry_store.tombstones
    setting.clock.advance(2)
    setting.expiry.once()
    assert not setting.expiry_store.tombstones


def test_none_is_left_out_when_the_database_was_away() -> None:
    setting = Setting()
    setting.expiry.once()
    key = setting.kept(70)
    setting.clock.advance(30)
    setting.store.away = True
    with pytest.raises(StoreUnavailable):
        setting.expiry.once()
    setting.clock.advance(60)
    setting.store.away = False
    assert setting.expiry.once() == 1
    assert key in setting.expiry_store.tombstones


def test_a_deletion_that_somebody_wrote_down_is_not_overwritten() -> None:
    setting = Setting()
    key = setting.kept(10)
    setting.expiry_store.write_tombstones([Tombstone.of(key, GoneReason.DELETED, NOW)])
    setting.expiry.once()
    assert setting.expiry_store.tombstones[key].reason is GoneReason.DELETED


def test_the_loop_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    key = setting.kept(HORIZON.total_seconds() / 2)
    setting.store.away = True

    def sleep(seconds: float) -> bool:
        sleeps.append(seconds)
        setting.store.away = len(sleeps) < 3
        return len(sleeps) < 4

    sleeps: list[float] = []
    monkeypatch.setattr(setting.clock, "sleep", sleep)
    setting.expiry.run(2.0)
    assert key in setting.expiry_store.tombstones
    assert sleeps == [2.0] * 4


def test_one_that_is_kept_for_seconds_has_its_tombstone_while_it_is_there() -> None:
    """The range that it expires in was read before it was created."""
    setting = Setting()
    setting.expiry.once()
    setting.clock.advance(1)
    key = setting.kept(4)
    setting.expiry.once()
    assert setting.store.documents.keys() == setting.expiry_store.tombstones.keys() == {key}


@pytest.mark.parametrize("minutes", [0.1, 10, 600])
def test_one_that_is_created_after_the_clock_was_set_back_is_deleted_in_time(minutes: float) -> None:
    setting = Setting()
    setting.expiry.once()
    setting.clock.advance(-60 * minutes)
    setting.expiry.once()
    key = setting.kept(30)
    for removed in (0, 1, 0):
        assert setting.expiry.once() == removed
        setting.clock.advance(31)
    assert setting.expiry_store.tombstones.keys() == {key}
    assert not setting.store.documents


def test_a_tombstone_is_written_once_in_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    written: list[Tombstone] = []
    monkeypatch.setattr(setting.expiry_store, "write_tombstones", written.extend)
    monkeypatch.setattr(setting.expiry_store, "remove", lambda _: None)
    key = setting.kept(20)
    for _ in range(10):
        setting.expiry.once()
        setting.clock.advance(1)
    assert [each.id for each in written] == [key]
    setting.clock.advance(60)
    setting.expiry.once()
    assert setting.expiry._written == {}, "what has expired is forgotten: a process runs for months"
