"""The stream to a receiver: a socket pair, a clock that the test sets, and a deadline that no call can outlive."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator

import httpcore
import pytest

from orchestrator.adapters.webhooks.connection import MAX_ADDRESSES, READ_BYTES, Deadline, DeadlineStream


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_deadline_counts_down_and_then_raises(clock: ManualClock) -> None:
    deadline = Deadline(10, clock)
    assert (deadline.left(), deadline.left(3), deadline.left(30)) == (10, 3, 10)
    clock.now = 9.5
    assert deadline.left(3) == 0.5
    clock.now = 10
    with pytest.raises(TimeoutError):
        deadline.left()


@pytest.mark.parametrize("call", [lambda stream: stream.read(10), lambda stream: stream.write(b"x")])
def test_after_the_deadline_nothing_is_read_or_written(
    sockets: tuple[socket.socket, socket.socket], clock: ManualClock, call: Callable[[DeadlineStream], object]
) -> None:
    ours, theirs = sockets
    stream = DeadlineStream(ours, Deadline(10, clock))
    theirs.sendall(b"here already")
    clock.now = 10
    with pytest.raises(TimeoutError):
        call(stream)


def test_each_call_gets_no_more_than_what_is_left(
    sockets: tuple[socket.socket, socket.socket], clock: ManualClock
) -> None:
    ours, theirs = sockets
    stream = DeadlineStream(ours, Deadline(10, clock))
    theirs.sendall(b"x" * READ_BYTES * 2)
    for now, timeout in [(0.0, None), (4.0, None), (6.0, 1.0), (9.5, 1.0)]:
        clock.now = now
        stream.write(b"x", timeout)
        assert ours.gettimeout() == min(timeout or 10, 10 - now)
    assert len(stream.read(1024 * 1024)) == READ_BYTES


def test_a_receiver_that_has_hung_up_may_have_answered(
    sockets: tuple[socket.socket, socket.socket], clock: ManualClock
) -> None:
    ours, theirs = sockets
    theirs.sendall(b"no")
    theirs.close()
    stream = DeadlineStream(ours, Deadline(10, clock))
    with pytest.raises(httpcore.WriteError):
        stream.write(b"x")
    assert stream.read(10) == b"no"


def test_only_so_many_addresses_are_tried_and_none_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    tried: list[object] = []

    def refuse(_: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    addresses = [ipaddress.ip_address(f"127.0.0.{each}") for each in range(1, 10)]
    with pytest.raises(ConnectionRefusedError):
        DeadlineStream.connect(list(addresses), 80, Deadline(10, clock), 5)
    assert tried == [(f"127.0.0.{each}", 80) for each in range(1, MAX_ADDRESSES + 1)]
