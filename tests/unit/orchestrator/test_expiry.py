"""Whatever expires has its tombstone before the database deletes it, and each is read once or twice, not every time."""

from __future__ import annotations

from datetime import timedelta

from contracts.tombstones import KEPT, GoneReason, Tombstone
from orchestrator.expiry import AHEAD, LAST_LOOK, Expiry
from tests.unit.factories import NOW, make_submission
from tests.unit.fake_data import MemoryTombstones
from tests.unit.fakes import FakeClock, MemoryStore


class Setting:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.graves = MemoryTombstones(self.store)
        self.expiry = Expiry(self.graves, self.clock)

    def kept(self, seconds):
        submission = make_submission(expires_at=self.clock.now() + timedelta(seconds=seconds))
        self.store.accept(submission, b"")
        return submission.id


def test_what_expires_within_a_minute_or_has_is_buried_ahead():
    setting = Setting()
    past, soon, later = setting.kept(-5), setting.kept(30), setting.kept(300)
    assert setting.expiry.once() == 2
    assert setting.graves.stones.keys() == {past, soon}
    stone = setting.graves.stones[soon]
    assert (stone.reason, stone.at) == (GoneReason.EXPIRED, NOW + timedelta(seconds=30))
    assert stone.expires_at == stone.at + KEPT
    setting.clock.advance(250)
    assert setting.expiry.once() == 1
    assert later in setting.graves.stones


def test_one_that_is_kept_for_seconds_only_is_found_by_the_second_look():
    setting = Setting()
    setting.expiry.once()
    brief = setting.kept(LAST_LOOK.total_seconds() + 2)
    for _ in range(4):
        setting.clock.advance(2)
        setting.expiry.once()
    assert brief in setting.graves.stones


def test_nothing_is_buried_twice():
    setting = Setting()
    setting.kept(3)
    assert setting.expiry.once() == 1
    setting.clock.advance(1)
    assert setting.expiry.once() == 0


def test_a_deletion_that_somebody_wrote_down_is_not_overwritten():
    setting = Setting()
    key = setting.kept(10)
    setting.graves.bury(Tombstone.of(key, GoneReason.DELETED, NOW))
    setting.expiry.once()
    assert setting.graves.stones[key].reason is GoneReason.DELETED


def test_the_loop_outlives_a_database_that_is_away():
    setting = Setting()
    key = setting.kept(AHEAD.total_seconds() / 2)
    setting.store.away = True

    def sleep(seconds):
        sleeps.append(seconds)
        setting.store.away = len(sleeps) < 3
        return len(sleeps) < 4

    sleeps: list[float] = []
    setting.clock.sleep = sleep
    setting.expiry.run(2.0)
    assert key in setting.graves.stones
    assert sleeps == [2.0] * 4
