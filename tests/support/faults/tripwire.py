"""A proxy in front of the database that knows where each submission is, and breaks something at that moment.

The two processes' database calls mark each step of a submission (docs/how-it-works.md, "Round trips
to the database"): a proxy that holds one call, or its answer, holds a submission at that step.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support.faults.wire import HEADER, OP_MSG, Command, changed, read_command, read_message

RESULTS_KEPT = 200
SPRING_SECONDS = 60.0
HELD_SECONDS = 4.0
"""Less than the processes wait for the database's answer (SHOWCASE_STORE_TIMEOUT_SECONDS)."""


@dataclass(frozen=True)
class Moment:
    """Where a submission is when this call comes, or (``answer``) when its answer does."""

    name: str
    comes: Callable[[Command], bool]
    answer: bool = True


def _stores(command: Command) -> bool:
    return (command.name, command.collection) == ("insert", "submissions")


def _reads_picture(command: Command) -> bool:
    keys = [str(each.get("_id", "")) for each in command.statements]
    return (command.name, command.collection) == ("find", "images") and keys[0].endswith("/input")


def _checkpoints(command: Command) -> bool:
    return command.collection == "submissions" and any(
        "steps" in each and "state" not in each for each in command.sets()
    )


def _finishes(command: Command) -> bool:
    return command.collection == "submissions" and any(each.get("state") == "succeeded" for each in command.sets())


STORED = Moment("between storing and publishing", _stores)
BETWEEN_STEPS = Moment("between the steps", _checkpoints)
WRITING = Moment("writing the result", _finishes, answer=False)

TOGETHER_SECONDS = 0.03
INSIDE_SECONDS = 0.008
"""A model takes some 25 ms for a digit or a classification, and some 50 for an outline: one that was called so long
after the other, and a little later, finds both at work."""


class Tripwire:
    """Stands on a port of its own, and does what one test at a time asks for."""

    def __init__(self, database_url: str) -> None:
        address = urlsplit(database_url)
        assert address.port is not None
        self._database = address.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        # The credentials and options are the database's own.
        self.url = database_url.replace(f":{self._database}/", f":{self._listening.getsockname()[1]}/")
        self._lock = threading.Lock()
        self._wanted: tuple[Moment, threading.Event, threading.Event] | None = None
        self._both: threading.Event | None = None
        self._checkpoint_at = 0.0
        self._result = threading.Condition()
        self._results: deque[float] = deque(maxlen=RESULTS_KEPT)
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def held(self, moment: Moment) -> Iterator[None]:
        """Wait for a submission to come to that moment, and hold it there until the context is left."""
        here, released = threading.Event(), threading.Event()
        with self._lock:
            self._wanted = (moment, here, released)
        try:
            assert here.wait(SPRING_SECONDS), f"no submission came to the moment {moment.name!r}"
            begun = time.monotonic()
            yield
            assert time.monotonic() - begun < HELD_SECONDS, f"the caller at the moment {moment.name!r} waits no more"
        finally:
            released.set()

    def until_in_both_steps(self) -> None:
        """Return when one submission is in its first step and another one in its second."""
        both = threading.Event()
        with self._lock:
            self._both = both
        assert both.wait(SPRING_SECONDS), "no two submissions were in both steps"
        time.sleep(INSIDE_SECONDS)

    def until_pace(self, per_second: int, seconds: float) -> float:
        """Return the seconds until ``per_second`` succeed in one second; infinity if it takes more than ``seconds``."""
        begun = time.monotonic()

        def at_pace() -> bool:
            now = time.monotonic()
            return sum(each > max(begun, now - 1) for each in self._results) >= per_second

        with self._result:
            came = self._result.wait_for(at_pace, seconds)
        return time.monotonic() - begun if came else float("inf")

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                front, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(front,), daemon=True).start()

    def _serve(self, front: socket.socket) -> None:
        with front:
            try:
                back = socket.create_connection(("127.0.0.1", self._database), timeout=10)
            except OSError:
                return
            back.settimeout(None)
            asked: dict[int, Command] = {}
            with back:
                answers = threading.Thread(target=self._pump, args=(back, front, asked, "answer"), daemon=True)
                answers.start()
                self._pump(front, back, asked, "call")
                answers.join()

    def _pump(self, source: socket.socket, target: socket.socket, asked: dict[int, Command], kind: str) -> None:
        try:
            while (message := read_message(source)) is not None:
                _length, number, answered, operation = HEADER.unpack(message[:16])
                command = None
                if kind == "answer":
                    command = asked.pop(answered, None)
                elif operation == OP_MSG and (command := read_command(message)) is not None:
                    asked[number] = command
                if command is not None:
                    self._meet(command, kind)
                    if kind == "answer" and _finishes(command) and changed(message):
                        self._tell_result()
                target.sendall(message)
        except OSError:
            pass  # one end has gone; the other one is closed below
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _tell_result(self) -> None:
        with self._result:
            self._results.append(time.monotonic())
            self._result.notify_all()

    def _meet(self, command: Command, kind: str) -> None:
        now = time.monotonic()
        with self._lock:
            if kind == "answer" and _checkpoints(command):
                self._checkpoint_at = now
            if kind == "answer" and _reads_picture(command) and now - self._checkpoint_at < TOGETHER_SECONDS:
                if self._both is not None:
                    self._both.set()
                self._both = None
            if self._wanted is None:
                return
            moment, here, released = self._wanted
            if moment.answer != (kind == "answer") or not moment.comes(command):
                return
            self._wanted = None
        here.set()
        released.wait(SPRING_SECONDS)


@contextmanager
def tripwire(database_url: str) -> Iterator[Tripwire]:
    made = Tripwire(database_url)
    try:
        yield made
    finally:
        made.close()
