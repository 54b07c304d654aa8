"""An orchestrator follows the registry of workflows: at once when it is told, and whatever goes wrong on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from contracts.errors import StoreUnavailable
from orchestrator.maintenance.catalogue import CatalogueFollower
from tests.support.patience import PATIENCE

NEVER = 10 * PATIENCE
"""Seconds between two looks that no test waits for."""


class Registry:
    """It answers each look as it is told to: an exception is raised."""

    def __init__(self) -> None:
        self.looks: queue.Queue[None] = queue.Queue()
        self.answers: list[bool | Exception] = []

    def refresh(self) -> bool:
        self.looks.put(None)
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer

    def await_look(self) -> None:
        self.looks.get(timeout=PATIENCE)


Start = Callable[[CatalogueFollower], threading.Thread]


@pytest.fixture
def start() -> Iterator[Start]:
    """Run a follower on a thread, which must end when the follower is stopped."""
    running: list[tuple[CatalogueFollower, threading.Thread]] = []

    def begin(follower: CatalogueFollower) -> threading.Thread:
        thread = threading.Thread(target=follower.run, daemon=True)
        running.append((follower, thread))
        thread.start()
        return thread

    yield begin
    for follower, thread in running:
        follower.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_notification_wakes_it_at_once(registry: Registry, start: Start) -> None:
    follower = CatalogueFollower(registry, NEVER)
    start(follower)
    registry.await_look()  # the first needs no notification
    for _ in range(3):
        follower.notify()
        registry.await_look()


def test_without_a_notification_it_looks_again_by_itself(registry: Registry, start: Start) -> None:
    start(CatalogueFollower(registry, 0.0))
    for _ in range(3):
        registry.await_look()


@pytest.mark.parametrize(
    "error", [StoreUnavailable("away"), ValueError("a document of a newer release"), KeyError("text")]
)
def test_no_error_ends_it(registry: Registry, start: Start, error: Exception) -> None:
    registry.answers = [error, error, True]
    follower = CatalogueFollower(registry, NEVER)
    thread = start(follower)
    registry.await_look()
    for _ in range(3):
        follower.notify()
        registry.await_look()
    assert thread.is_alive()


def test_a_notification_during_a_look_is_not_lost(start: Start) -> None:
    class Busy(Registry):
        def refresh(self) -> bool:
            if self.looks.empty() and not told.is_set():
                told.set()
                follower.notify()  # while the look that cannot see the change is under way
            return super().refresh()

    told = threading.Event()
    busy = Busy()
    follower = CatalogueFollower(busy, NEVER)
    start(follower)
    busy.await_look()
    busy.await_look()


def test_stopped_before_it_begins_it_does_not_look(registry: Registry) -> None:
    follower = CatalogueFollower(registry, NEVER)
    follower.stop()
    follower.run()
    assert registry.looks.empty()
