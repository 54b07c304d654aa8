"""Requests that work are bounded; requests that wait let others work."""

from __future__ import annotations

import threading

import pytest

from contracts.errors import Busy
from gateway.working import WorkLimit


def in_thread(work: WorkLimit) -> bool:
    """Whether another request gets its turn now."""
    answers: list[bool] = []

    def request() -> None:
        try:
            with work.working():
                answers.append(True)
        except Busy:
            answers.append(False)

    thread = threading.Thread(target=request)
    thread.start()
    thread.join()
    return answers[0]


def test_no_more_than_the_limit_work() -> None:
    work = WorkLimit(1, max_wait_seconds=0.0)
    with work.working():
        assert not in_thread(work)
    assert in_thread(work)


def test_a_request_that_waits_lets_another_one_work() -> None:
    work = WorkLimit(1, max_wait_seconds=0.0)
    with work.working():
        with work.paused():
            assert in_thread(work)
        assert not in_thread(work)
    with work.paused():  # not a request's thread: nothing to give back
        assert in_thread(work)


def test_its_place_is_free_again_however_it_ends() -> None:
    work = WorkLimit(1, max_wait_seconds=0.0)
    with pytest.raises(ValueError, match="broke"), work.working(), work.paused():
        raise ValueError("broke")
    assert in_thread(work)
