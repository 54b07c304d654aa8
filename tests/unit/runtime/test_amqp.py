"""The connection's thread outlives whatever its library raises: without it a process would take no work any more."""

from __future__ import annotations

import threading

import pytest

from runtime.amqp import RECONNECT_BASE_SECONDS, RECONNECT_CAP_SECONDS, keep_connected


class Stopped(threading.Event):
    """Notes each pause instead of waiting; set after ``pauses`` of them."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self._left = pauses
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        if len(self.waits) == self._left:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("error", [ValueError("Timeout closed before call"), AssertionError(), ConnectionError()])
def test_a_connection_that_breaks_in_any_way_is_made_again(error: Exception) -> None:
    stopped, events = Stopped(3), []

    def serve() -> None:
        events.append("serve")
        raise error

    keep_connected(serve, lambda: events.append("end"), stopped, "broker", uniform=lambda: 1.0)
    assert events == ["serve", "end"] * 3
    assert stopped.waits == [RECONNECT_BASE_SECONDS * 2**tries for tries in (1, 2, 3)]


def test_the_pause_has_a_bound_and_a_long_connection_makes_it_short_again() -> None:
    stopped, now = Stopped(8), [0.0]

    def serve() -> None:
        if len(stopped.waits) == 6:
            now[0] += RECONNECT_CAP_SECONDS + 1
        raise ConnectionError

    keep_connected(serve, lambda: None, stopped, "broker", uniform=lambda: 1.0, monotonic=lambda: now[0])
    assert stopped.waits[4:] == [RECONNECT_CAP_SECONDS, RECONNECT_CAP_SECONDS, 0.4, 0.8]


def test_a_broker_that_is_away_is_not_asked_without_a_pause() -> None:
    stopped = Stopped(1)

    def serve() -> None:
        raise ConnectionError

    keep_connected(serve, lambda: None, stopped, "broker", uniform=lambda: 0.0)
    assert stopped.waits[0] > 0
