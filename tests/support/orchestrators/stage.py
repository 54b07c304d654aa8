"""Threads that move only when a test says so: each stands before every call to the world until it is let go on.

One thread runs at a time, so that a test decides every interleaving and can repeat it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Any

from contracts.errors import ShowcaseError
from tests.support.patience import PATIENCE

"""A thread that does not stand again by then is caught in a lock or a loop."""


class Killed(BaseException):
    """The end of a process, as by kill -9: no handler of ours catches it, and no call to the world follows it."""


class End(Enum):
    ANSWER = "answer"
    ERROR = "error"
    KILL = "kill"


@dataclass(frozen=True)
class Fate:
    """What becomes of a call: whether it ``arrives``, and what the caller sees of it."""

    arrives: bool = True
    end: End = End.ANSWER


GOES_WELL = Fate()


class Actor:
    """One thread of a process. ``root`` is the thread that it helps: itself, unless it calls one step of several."""

    def __init__(self, process: Any, work: Callable[[], object], root: Actor | None = None) -> None:
        self.process = process
        self.root = root or self
        self.call = "begin"
        self.ready: Callable[[], bool] = lambda: True
        self.begun = self.ended = False
        self.notes: dict[str, Any] = {}
        self._work = work
        self._fate = GOES_WELL
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)

    def go_on(self, fate: Fate) -> None:
        """Let it make the call that it stands before, and run until it stands before the next one or ends."""
        self._fate = fate
        if not self.begun:
            self.begun = True
            if fate.end is End.KILL:
                self.ended = True
                return
            threading.Thread(target=self._run, daemon=True).start()
        else:
            self._go.release()
        assert self._stands.acquire(timeout=PATIENCE), f"stuck after {self.call}"

    def stand(self, call: str, ready: Callable[[], bool] = lambda: True, *, port: bool = False) -> Fate:
        """Stop this thread before ``call`` and return what the test decides. Raises Killed.

        Only a ``port`` sees a kill whose call still arrives: it makes the call, and then has its actor die.
        """
        if self._fate.end is not End.KILL:
            self.call, self.ready = call, ready
            self._stands.release()
            self._go.acquire()
        if self._fate.end is End.KILL and not (port and self._fate.arrives):
            raise Killed
        return self._fate

    def die(self) -> None:
        self._fate = Fate(arrives=False, end=End.KILL)
        raise Killed

    def _run(self) -> None:
        _local.actor = self
        try:
            self._work()
        except Killed:
            pass
        finally:
            self.ended = True
            self._stands.release()


_local = threading.local()


def current() -> Actor | None:
    """Return the actor whose thread this is; None for the test's own."""
    return getattr(_local, "actor", None)


def here() -> Actor:
    actor = current()
    assert actor is not None
    return actor


class Gated:
    """A port as one process sees it: every call stands at a gate first, except for the ``free`` ones."""

    def __init__(self, target: object, error: ShowcaseError, **free: Callable[[], object]) -> None:
        self._target, self._error = target, error
        self.__dict__.update(free)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            actor = here()
            fate = actor.stand(name, port=True)
            answer, failure = None, None
            if fate.arrives:
                try:
                    answer = method(*arguments, **named)
                except ShowcaseError as error:
                    failure = error
            if fate.end is End.KILL:
                actor.die()
            if fate.end is End.ERROR:
                raise self._error
            if failure is not None:
                raise failure
            return answer

        return call


class StagedFuture(Future[Any]):
    """A thread that waits for it stands until it is done."""

    def result(self, timeout: float | None = None) -> Any:
        here().stand("result", self.done)
        return super().result(0)


class Threads:
    """A pool whose threads are actors; as many as are asked for. The test lets each begin."""

    def __init__(self, process: Any, actors: list[Actor]) -> None:
        self._process, self._actors = process, actors

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future = StagedFuture()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            actor = here()
            if actor is not actor.root:
                actor.notes |= actor.root.notes  # what its root knew when it began
            try:
                future.set_result(work(*arguments))
            except Exception as error:  # noqa: BLE001  # a pool hands each error to the waiting thread
                future.set_exception(error)

        parent = current()
        self._actors.append(Actor(self._process, run, parent and parent.root))
        return future


def wait_on_stage(futures: Collection[Future[Any]], return_when: str) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """``concurrent.futures.wait``: the one place where the engine waits for something that is no port."""
    here().stand("wait", lambda: any(future.done() for future in futures))
    done = {future for future in futures if future.done()}
    return done, set(futures) - done
