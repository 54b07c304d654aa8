"""``Prefer: wait=N``, one reading at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.events import wait
from gateway.events.subscriptions import EventBroadcaster
from gateway.events.wait import LISTENING_POLL_SECONDS, Waiter
from tests.support.factories import make_submission

SECONDS = 20.0
STEP = 0.25


class World:
    """A waiter on a clock that moves by STEP whenever it is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wait, "POLL_SECONDS", 0.001)
        self.broadcaster = EventBroadcaster(5)
        self.broadcaster.listening = True
        self.submission = make_submission()
        self.time = 0.0
        self.readings: list[float] = []
        self.at_reading: Callable[[int], Submission | None] = lambda _: self.submission.model_copy()
        self.waiter = Waiter(self._reread, self.broadcaster, nullcontext, self._monotonic)

    def _monotonic(self) -> float:
        self.time += STEP
        return self.time

    def _reread(self, _: str) -> Submission | None:
        self.readings.append(self.time)
        return self.at_reading(len(self.readings))

    def publish(self, state: SubmissionState) -> None:
        self.broadcaster.publish(SubmissionChanged(self.submission.id, "digits", state, None))

    def ended(self) -> Submission:
        return self.submission.model_copy(update={"state": SubmissionState.SUCCEEDED})

    def wait(self, seconds: float = SECONDS, connected: Callable[[], bool] = lambda: True) -> Submission | None:
        return self.waiter.wait(self.submission, seconds, connected)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_an_end_that_is_told_is_read_at_once(world: World) -> None:
    def read(number: int) -> Submission:
        if number == 1:
            world.publish(SubmissionState.SUCCEEDED)
            return world.submission.model_copy()
        return world.ended()

    world.at_reading = read
    found = world.wait()
    assert found is not None
    assert found.state is SubmissionState.SUCCEEDED
    assert len(world.readings) == 2
    assert world.broadcaster._count == 0


def test_an_end_that_was_undone_makes_no_reader_busy(world: World) -> None:
    """It was retried before it could be read: from then on it is read at the usual pace."""

    def read(number: int) -> Submission:
        if number == 1:
            world.publish(SubmissionState.FAILED)
        return world.submission.model_copy()

    world.at_reading = read
    world.wait()
    pauses = [later - earlier for earlier, later in zip(world.readings[1:], world.readings[2:], strict=False)]
    assert pauses
    # The last one ends with the wait itself.
    assert min(pauses[:-1]) >= LISTENING_POLL_SECONDS


def test_another_change_is_no_reason_to_read(world: World) -> None:
    def read(_: int) -> Submission:
        world.publish(SubmissionState.RUNNING)
        return world.submission.model_copy()

    world.at_reading = read
    world.wait(LISTENING_POLL_SECONDS * 0.9)
    assert len(world.readings) == 2  # at the begin and at the end


def test_it_ends_with_its_time_its_client_or_the_submission(world: World) -> None:
    assert world.wait() == world.submission
    assert world.time >= SECONDS
    world.readings.clear()
    assert world.wait(connected=lambda: False) == world.submission
    assert len(world.readings) == 1
    world.at_reading = lambda _: None  # deleted: what was known is answered
    assert world.wait() is world.submission


def test_what_need_not_wait_takes_no_place(world: World) -> None:
    for _ in range(5):
        world.broadcaster.subscribe("x", lambda _: None)
    assert world.wait(0) is world.submission
    assert world.wait() is None
    world.submission = world.ended()
    assert world.wait() is world.submission
    assert world.readings == []
