"""A proxy in front of the database that knows where each submission is, and breaks something just then.

What the two processes ask of the database marks every step of a submission's way (docs/how-it-works.md, "Round trips
to the database"): whoever holds up one call, or its answer, holds a submission at one moment of it.
Wire protocol: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ (OP_MSG).
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bson

OP_MSG = 2013
HEADER = struct.Struct("<iiii")
SPRING_SECONDS = 60.0
HELD_SECONDS = 4.0
"""Less than the processes wait for the database's answer (SHOWCASE_STORE_TIMEOUT_SECONDS)."""


@dataclass(frozen=True)
class Command:
    """One call: ``statements`` are its documents to insert, its updates, or its filter."""

    name: str
    collection: str
    statements: tuple[dict[str, Any], ...]

    def sets(self) -> Iterator[dict[str, Any]]:
        """Yield what each update by pipeline sets."""
        for each in self.statements:
            if self.name == "update" and isinstance(each.get("u"), list):
                yield each["u"][0].get("$set", {})


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


STORED = Moment("between store and doorbell", _stores)
BETWEEN_STEPS = Moment("between the steps", _checkpoints)
WRITING = Moment("writing the result", _finishes, answer=False)

TOGETHER_SECONDS = 0.03
INSIDE_SECONDS = 0.008
"""A model takes some 25 ms for a digit or a classification, and some 50 for an outline: one that was called so long
after the other, and a little later, finds both at work."""


class Tripwire:
    """Stands on a port of its own, and does what one test at a time asks for."""

    def __init__(self, database_port: int) -> None:
        self._database = database_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"mongodb://127.0.0.1:{self._listening.getsockname()[1]}/?directConnection=true"
        self._lock = threading.Lock()
        self._wanted: tuple[Moment, threading.Event, threading.Event] | None = None
        self._both: threading.Event | None = None
        self._checkpoint_at = 0.0
        self._result = threading.Condition()
        self._results = 0
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
            assert time.monotonic() - begun < HELD_SECONDS, f"who asked at the moment {moment.name!r} waits no more"
        finally:
            released.set()

    def until_in_both_steps(self) -> None:
        """Return when one submission is in its first step and another one in its second."""
        both = threading.Event()
        with self._lock:
            self._both = both
        assert both.wait(SPRING_SECONDS), "no two submissions were in both steps"
        time.sleep(INSIDE_SECONDS)

    def until_result(self, seconds: float) -> float:
        """Return the seconds until the next submission has succeeded; infinity when none has in ``seconds``."""
        begun = time.monotonic()
        with self._result:
            known = self._results
            came = self._result.wait_for(lambda: self._results > known, seconds)
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
            while (message := _message(source)) is not None:
                _length, number, answered, operation = HEADER.unpack(message[:16])
                command = None
                if kind == "answer":
                    command = asked.pop(answered, None)
                elif operation == OP_MSG and (command := _command(message)) is not None:
                    asked[number] = command
                if command is not None:
                    self._meet(command, kind)
                    if kind == "answer" and _finishes(command) and _changed(message):
                        self._tell_result()
                target.sendall(message)
        except OSError:
            pass  # one end has gone; the other one is told
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _tell_result(self) -> None:
        with self._result:
            self._results += 1
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


def _changed(answer: bytes) -> bool:
    """Return whether an update found what it was for: late ones, and those of a lost lease, do not."""
    return bool(bson.decode(answer[21:]).get("n"))


def _message(source: socket.socket) -> bytes | None:
    """Return a whole message; None when there are no more."""
    head = _exactly(source, 4)
    if head is None:
        return None
    rest = _exactly(source, struct.unpack("<i", head)[0] - 4)
    return None if rest is None else head + rest


def _exactly(source: socket.socket, count: int) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        piece = source.recv(min(count - len(received), 1 << 20))
        if not piece:
            return None
        received += piece
    return bytes(received)


def _command(message: bytes) -> Command | None:
    """Return a call of the kinds that mark a submission's way. Pictures are not decoded."""
    position, body, statements = 20, {}, []
    while position < len(message):
        kind = message[position]
        size = struct.unpack_from("<i", message, position + 1)[0]
        section = message[position + 1 : position + 1 + size]
        position += 1 + size
        if kind == 0:
            body = bson.decode(section)
        elif section.find(b"\x00", 4) >= 0 and size < 64 * 1024:
            start = section.index(b"\x00", 4) + 1
            statements += bson.decode_all(section[start:])
    name = next(iter(body), "")
    if name not in ("insert", "update", "find"):
        return None
    inside = body.get("documents") or body.get("updates") or [body.get("filter", {})]
    return Command(name, str(body[name]), tuple(statements or inside))


@contextmanager
def tripwire(database_port: int) -> Iterator[Tripwire]:
    made = Tripwire(database_port)
    try:
        yield made
    finally:
        made.close()
