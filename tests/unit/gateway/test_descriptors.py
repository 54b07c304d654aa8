"""Without a file descriptor the door stays shut for a moment, and that is said once."""

import errno

import pytest

from gateway.descriptors import CALM_SECONDS, PAUSE_SECONDS, SAYING_SECONDS, Door, connections_within


class Listener:
    """waitress's listener, as far as the door goes."""

    def __init__(self):
        self.error = None
        self.asked = 0

    def accept(self):
        if self.error:
            raise OSError(self.error, "no more")
        return "connection", "address"

    def readable(self):
        self.asked += 1
        return True


@pytest.fixture
def seconds():
    return [100.0]


@pytest.fixture
def listener(seconds):
    made = Listener()
    Door(made, lambda: seconds[0])
    return made


@pytest.fixture
def said(monkeypatch):
    lines = []
    for level in ("error", "info"):
        monkeypatch.setattr(f"gateway.descriptors.log.{level}", lambda event, **_: lines.append(event), raising=False)
    return lines


def test_it_is_shut_for_a_moment_and_opens_again(listener, seconds, said):
    assert listener.readable()
    listener.error = errno.EMFILE
    assert listener.accept() is None
    assert not listener.readable()
    seconds[0] += PAUSE_SECONDS
    assert listener.readable()
    assert listener.asked == 3, "waitress must be asked: it ends silent connections there"


def test_it_is_said_once_in_a_while_and_when_it_is_over(listener, seconds, said):
    for _ in range(3):
        listener.error = errno.ENFILE
        listener.accept()
        listener.error = None
        listener.accept()
    assert said == ["no file descriptor left"]
    seconds[0] += PAUSE_SECONDS + CALM_SECONDS
    listener.accept()
    listener.accept()
    assert said == ["no file descriptor left", "file descriptors are free again"]
    seconds[0] += SAYING_SECONDS
    listener.error = errno.EMFILE
    listener.accept()
    assert said[2:] == ["no file descriptor left"]


def test_another_error_is_waitresss_own(listener):
    listener.error = errno.ECONNABORTED
    with pytest.raises(OSError, match="no more"):
        listener.accept()
    assert listener.readable()


def test_there_are_no_more_connections_than_descriptors_for_them():
    assert connections_within(1000, 20_000) == 1000
    assert connections_within(1000, 1024) == 480
    assert connections_within(1000, 10) == 8
