"""The stream of one submission's events, one change at a time: what it sends, rereads, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from pydantic import BaseModel

from contracts.errors import StoreUnavailable
from contracts.submissions.documents import Event, Submission
from contracts.submissions.events import SubmissionChanged, submission_event
from contracts.submissions.states import SubmissionState
from gateway.events import stream
from gateway.events.stream import HEARTBEAT_SECONDS, QUEUED_CHANGES, EventStream
from gateway.events.subscriptions import EventBroadcaster
from tests.support.factories import NOW, make_submission

LOOKS = 200
"""A stream that looks for changes this often without an end never ends."""


class Client:
    """A client's stream over a document that ``write`` changes, on a clock that each look moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int = 0, seconds_each_look: float = 0.0) -> None:
        monkeypatch.setattr(stream, "POLL_SECONDS", 0.001)
        self.broadcaster = EventBroadcaster(10)
        self.broadcaster.listening = True
        first = make_submission(events=[submission_event(SubmissionState.QUEUED, NOW)], event_count=1)
        self.document: Submission | None = first
        self.read_at: list[float] = []
        self.away = False
        self.time = 0.0
        self.looks, self.looks_at_most = 0, LOOKS
        self._seconds_each_look = seconds_each_look
        self.between: dict[int, Callable[[], None]] = {}
        """What happens before the look of this number."""
        self.stream = EventStream(
            first.id,
            after,
            reread=self._reread,
            extra=lambda _: None,
            broadcaster=self.broadcaster,
            connected=self._connected,
            monotonic=lambda: self.time,
        )

    def _reread(self) -> Submission | None:
        self.read_at.append(self.time)
        if self.away:
            raise StoreUnavailable("The database does not answer.")
        return self.document

    def _connected(self) -> bool:
        self.looks += 1
        self.time += self._seconds_each_look
        self.between.get(self.looks, lambda: None)()
        return self.looks < self.looks_at_most

    def write(self, *states: SubmissionState, final: SubmissionState | None = None) -> list[Event]:
        assert self.document is not None
        new = [submission_event(state, NOW + timedelta(seconds=1)) for state in states]
        events = [*self.document.events, *new]
        state = final or self.document.state
        self.document = self.document.model_copy(update={"events": events, "event_count": len(events), "state": state})
        return new

    def publish(self, first: int | None, events: list[Event], state: SubmissionState = SubmissionState.RUNNING) -> None:
        assert self.document is not None
        self.broadcaster.publish(SubmissionChanged(self.document.id, "digits", state, first, tuple(events)))

    def ids(self) -> list[int]:
        return [int(line[4:]) for block in self.blocks() for line in block.splitlines() if line.startswith("id: ")]

    def blocks(self) -> Iterator[str]:
        for block in self.stream:
            yield block.decode()

    @property
    def ended(self) -> bool:
        return self.looks < self.looks_at_most


QUEUED, RUNNING, SUCCEEDED = SubmissionState.QUEUED, SubmissionState.RUNNING, SubmissionState.SUCCEEDED


def test_a_change_that_follows_is_sent_without_another_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.between = {1: lambda: client.publish(2, [submission_event(RUNNING, NOW)])}
    assert client.ids() == [1, 2]
    assert len(client.read_at) == 1


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_however_few_events_are_lost_the_document_fills_the_gap(monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    client = Client(monkeypatch)

    def change() -> None:
        *_, last = client.write(*[RUNNING] * (lost + 1))
        client.publish(lost + 2, [last])

    client.between = {1: change}
    assert client.ids() == list(range(1, lost + 3))
    assert len(client.read_at) == 2


def test_a_change_that_comes_twice_or_late_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    events = [submission_event(RUNNING, NOW), submission_event(QUEUED, NOW)]
    client.between = {
        1: lambda: client.publish(2, events),
        2: lambda: client.publish(2, events),
        3: lambda: client.publish(3, [*events[1:], submission_event(RUNNING, NOW)]),
    }
    assert client.ids() == [1, 2, 3, 4]


@pytest.mark.parametrize("state", [state for state in SubmissionState if state.terminal])
def test_a_final_event_ends_it_and_nothing_is_sent_behind_it(
    monkeypatch: pytest.MonkeyPatch, state: SubmissionState
) -> None:
    client = Client(monkeypatch)
    events = [submission_event(state, NOW), submission_event(QUEUED, NOW)]
    client.between = {1: lambda: client.publish(2, events, state)}
    assert client.ids() == [1, 2]
    assert client.ended


def test_a_document_that_is_final_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last event may be one that the document no longer keeps, or that the client has."""
    client = Client(monkeypatch, after=1)
    client.write(final=SUCCEEDED)
    assert client.ids() == []
    assert client.ended
    assert client.broadcaster._count == 0


def test_a_deletion_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)

    def delete() -> None:
        client.publish(None, [])
        client.document = None

    client.between = {1: delete}
    assert list(client.blocks())[-1].startswith("event: submission.deleted\n")
    assert client.ended


@pytest.mark.parametrize(("listening", "pause"), [(True, HEARTBEAT_SECONDS), (False, 0.5)], ids=["heartbeat", "poll"])
def test_a_quiet_stream_rereads_at_its_pace_and_no_faster(
    monkeypatch: pytest.MonkeyPatch, listening: bool, pause: float
) -> None:
    client = Client(monkeypatch, seconds_each_look=0.5)
    client.broadcaster.listening = listening
    beats = sum(block == ": still here\n\n" for block in client.blocks())
    assert beats == len(client.read_at) - 1
    pauses = {later - earlier for earlier, later in zip(client.read_at, client.read_at[1:], strict=False)}
    assert pauses == {pause}


def test_a_reading_that_fills_a_gap_puts_off_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch, seconds_each_look=1.0)
    client.between = {5: lambda: client.publish(None, [])}
    list(client.blocks())
    assert client.read_at[:3] == [0.0, 5.0, 5.0 + HEARTBEAT_SECONDS]


def test_a_store_that_is_away_for_a_reading_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)

    def go_away() -> None:
        client.away = True
        client.publish(None, [])

    def come_back() -> None:
        client.away = False
        client.write(RUNNING)
        client.publish(None, [])

    client.between = {1: go_away, 3: come_back}
    assert client.ids() == [1, 2]


def test_what_a_slow_client_has_no_room_for_is_read_from_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    count = QUEUED_CHANGES + 9

    def flood() -> None:
        for number, event in enumerate(client.write(*[RUNNING] * count), 2):
            client.publish(number, [event])

    def go_on() -> None:
        (event,) = client.write(QUEUED)
        client.publish(count + 2, [event])

    client.between = {1: flood, QUEUED_CHANGES: go_on}
    client.looks_at_most = 2 * count
    assert client.ids() == list(range(1, count + 3))


class Position(BaseModel):
    position: int


def test_what_is_sent_besides_the_events_comes_with_each_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.stream._extra = lambda _: Position(position=len(client.read_at))
    client.between = {1: lambda: client.publish(None, [])}
    blocks = list(client.blocks())
    assert blocks[0].startswith("retry: ")
    assert [block for block in blocks if block.startswith("event: queue\n")] == [
        f'event: queue\ndata: {{"position":{number}}}\n\n' for number in (1, 2)
    ]


def test_one_that_breaks_stops_no_other_subscription() -> None:
    broadcaster = EventBroadcaster(limit=3)
    received: list[SubmissionChanged] = []

    def broken(_: SubmissionChanged) -> None:
        raise ValueError("bug")

    broadcaster.subscribe("a", received.append)
    broadcaster.subscribe("a", broken)
    broadcaster.subscribe("a", received.append)
    change = SubmissionChanged("a", "digits", RUNNING, None)
    broadcaster.publish(change)
    assert received == [change, change]


def test_a_place_is_free_again_once_when_a_subscription_is_canceled() -> None:
    broadcaster = EventBroadcaster(limit=2)
    first, second = (broadcaster.subscribe("a", lambda _: None) for _ in range(2))
    first.cancel()
    first.cancel()
    assert (broadcaster._count, list(broadcaster._waiting)) == (1, ["a"])
    second.cancel()
    assert (broadcaster._count, broadcaster._waiting) == (0, {})
