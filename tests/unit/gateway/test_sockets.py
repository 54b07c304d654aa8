"""Connections with deadlines: pure rules, and real sockets on the loopback address."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway import sockets
from gateway.sockets import GuardedListener, GuardedSocket, StallBudget, Transfer, connections_within
from tests.support.patience import PATIENCE

BUDGET = StallBudget(seconds=10, bytes_per_second=100)


def test_a_message_may_wait_for_its_seconds_and_earns_more_as_bytes_move() -> None:
    transfer = Transfer(BUDGET)
    assert transfer.left() == 10
    transfer.moved(0, 4)
    assert transfer.left() == 6
    transfer.moved(300, 6)
    assert transfer.left() == 3
    transfer.moved(0, 3)
    with pytest.raises(TimeoutError, match=r"^timed out$"):
        transfer.left()


def test_what_moved_fast_earns_no_longer_a_pause_than_at_first() -> None:
    transfer = Transfer(BUDGET)
    transfer.moved(10**9, 0.1)
    assert transfer.left() == 10
    transfer.moved(0, 10)
    with pytest.raises(TimeoutError):
        transfer.left()


@pytest.fixture
def listener() -> Iterator[GuardedListener]:
    made = GuardedListener(socket.create_server(("127.0.0.1", 0)), StallBudget(0.2, 1000), 0.2, limit=2)
    with closing(made):
        made.settimeout(PATIENCE)
        yield made


def connect(listener: GuardedListener) -> socket.socket:
    made = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
    made.sendall(b"x")  # without a byte the kernel keeps it
    return made


def test_a_slow_client_is_cut_off_and_a_new_message_has_a_new_deadline(listener: GuardedListener) -> None:
    with connect(listener) as client:
        served, _ = listener.accept()
        with closing(served):
            buffer = bytearray(10)
            assert served.recv_into(buffer) == 1
            with pytest.raises(TimeoutError):
                served.recv_into(buffer)
            served.send(b"answer")
            client.sendall(b"next")
            assert served.recv_into(buffer) == 4


def test_a_body_has_more_time_than_the_header_before_it() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    with (
        closing(GuardedListener(listening, StallBudget(30, 1000), 0.2, limit=2)) as listener,
        connect(listener) as client,
    ):
        served, _ = listener.accept()
        assert isinstance(served, GuardedSocket)
        with closing(served):
            buffer = bytearray(10)
            served.recv_into(buffer)
            served.header_complete()
            threading.Timer(0.5, client.sendall, [b"body"]).start()
            assert served.recv_into(buffer) == 4


def test_a_client_that_does_not_read_is_cut_off(listener: GuardedListener) -> None:
    with connect(listener):
        served, _ = listener.accept()
        with closing(served), pytest.raises(TimeoutError):
            [served.send(b"x" * 1_000_000) for _ in range(1000)]


def test_a_closed_connection_is_detected(listener: GuardedListener) -> None:
    client = connect(listener)
    served, address = listener.accept()
    assert isinstance(served, GuardedSocket)
    with closing(served):
        served.recv_into(bytearray(10))
        assert listener.connection(*map(str, address)) is served
        assert served.connected()
        client.close()
        assert any(not served.connected() for _ in iter(lambda: threading.Event().wait(0.01), True))
    assert listener.connection(*map(str, address)) is None


def test_a_connection_beyond_the_limit_is_refused_with_a_retry_after(listener: GuardedListener) -> None:
    clients = [connect(listener) for _ in range(3)]
    served = [listener.accept()[0] for _ in range(2)]
    with pytest.raises(TimeoutError):
        listener.accept()
    assert clients[2].recv(100).startswith(b"HTTP/1.1 503 ")
    served[0].close()
    clients.append(connect(listener))
    served.append(listener.accept()[0])
    for each in [*clients, *served]:
        each.close()


def test_without_a_file_descriptor_it_pauses_and_says_so_once(
    listener: GuardedListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    pauses: list[float] = []

    def refuse(_listener: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", refuse)
    monkeypatch.setattr("gateway.sockets.time.sleep", pauses.append)
    monkeypatch.setattr(sockets.log, "error", lambda sentence, **_: logged.append(sentence), raising=False)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            listener.accept()
    assert logged == ["no file descriptor left"]
    assert pauses == [sockets.PAUSE_SECONDS] * 3


def test_another_error_is_left_to_the_server(listener: GuardedListener, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_listener: object) -> None:
        raise OSError(errno.ECONNABORTED, "aborted")

    monkeypatch.setattr(socket.socket, "accept", refuse)
    with pytest.raises(OSError, match="aborted"):
        listener.accept()


def test_there_are_no_more_connections_than_descriptors_for_them() -> None:
    assert connections_within(1000, 20_000) == 1000
    assert connections_within(1000, 1024) == 480
    assert connections_within(1000, 10) == 8
