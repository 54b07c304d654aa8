"""Server-sent events of one submission: what its document holds, and then each move as it is announced.

A stream holds no thread while nothing happens. Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import structlog
from pydantic import BaseModel

from contracts.errors import ShowcaseError
from contracts.submissions.documents import Event, Submission
from contracts.submissions.events import SubmissionChanged, numbered
from contracts.submissions.states import SubmissionState
from gateway.events.subscriptions import Detached, EventBroadcaster
from gateway.timers import Timer, Timers

log = structlog.get_logger()

RECONNECT_MILLISECONDS = 2000
HEARTBEAT_SECONDS = 10.0
"""Keeps proxies from closing the connection, and looks at the document in case that a notice was lost."""

AWAY_SECONDS = 1.0
"""How often the document is looked at while no notices come in."""

FINAL = {f"submission.{state}" for state in SubmissionState if state.terminal}
Look = Callable[[], Submission | None]
Extra = Callable[[Submission], BaseModel | None]


class EventStream:
    """The body of an answer: iterate over it, which blocks, or let it be detached.

    ``look`` reads the document, ``extra`` says what is told besides the events (its place in the queue). ``looks``
    runs what waits for the database; ``after`` is the number of the last event that the client has.
    """

    def __init__(
        self,
        submission_id: str,
        after: int,
        *,
        look: Look,
        extra: Extra,
        broadcaster: EventBroadcaster,
        timers: Timers,
        looks: Executor,
        detachable: bool,
    ) -> None:
        """Raises TooManyWatchers."""
        self._last = after
        self._look = look
        self._extra = extra
        self._broadcaster = broadcaster
        self._timers = timers
        self._looks = looks
        self._detachable = detachable
        self._lock = threading.RLock()
        self._chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._write: Callable[[bytes], bool] = self._keep
        self._finish: Callable[[], None] = lambda: self._chunks.put(None)
        self._looking = self._closed = self._detached = False
        self._timer: Timer | None = None
        # Before the first look: what happens between the two is heard.
        self._subscription = broadcaster.subscribe(submission_id, self._on_change)

    def __iter__(self) -> Iterator[bytes]:
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        self._catch_up()
        if self._detachable:
            self._detached = True
            raise Detached(self)
        while (chunk := self._chunks.get()) is not None:
            yield chunk

    def attach(self, write: Callable[[bytes], bool], close: Callable[[], None]) -> None:
        """Write what has come together, and from now on whatever comes."""
        with self._lock:
            self._write, self._finish = write, close
            while not self._chunks.empty():
                chunk = self._chunks.get()
                if chunk is None:
                    close()
                elif not write(chunk):
                    self._end()

    def close(self) -> None:
        """Stop listening. The server also calls it when it lets go of a body that it has detached: not then."""
        if self._detached:
            self._detached = False
            return
        self._end()

    def _on_change(self, change: SubmissionChanged) -> None:
        with self._lock:
            if self._closed:
                return
            if change.first is None or change.first > self._last + 1:
                self._catch_up_soon()  # something was missed: the document knows
            else:
                self._send(change.first, change.events)

    def _send(self, first: int, events: tuple[Event, ...]) -> None:
        for number, event in enumerate(events, first):
            if number <= self._last:
                continue
            self._last = number
            data = event.model_dump_json(exclude_none=True)
            self._emit(f"id: {number}\nevent: {event.type}\ndata: {data}\n\n")
            if event.type in FINAL:
                self._last_word()
                return

    def _catch_up(self) -> None:
        """Send what the document holds and the client does not."""
        try:
            submission = self._look()
        except ShowcaseError as error:
            log.warning("stream could not look", error=error.message)
            submission = None
            gone = False
        else:
            gone = submission is None
        with self._lock:
            self._looking = False
            if self._closed:
                return
            if gone:
                self._emit('event: submission.deleted\ndata: {"type": "submission.deleted"}\n\n')
                self._last_word()
            elif submission is not None:
                self._send_document(submission)
            self._beat_later()

    def _send_document(self, submission: Submission) -> None:
        extra = self._extra(submission)
        if extra is not None:
            self._emit(f"event: queue\ndata: {extra.model_dump_json()}\n\n")
        known = numbered(submission)
        if known:
            self._send(known[0].number, tuple(each.event for each in known))
        if submission.state.terminal and not self._closed:
            self._last_word()

    def _catch_up_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._looks.submit(self._catch_up)

    def _beat_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            seconds = HEARTBEAT_SECONDS if self._broadcaster.listening else AWAY_SECONDS
            self._timer = self._timers.later(seconds, self._beat)

    def _beat(self) -> None:
        with self._lock:
            if not self._closed:
                self._emit(": still here\n\n")
                self._catch_up_soon()

    def _emit(self, text: str) -> None:
        if not self._closed and not self._write(text.encode()):
            self._end()

    def _keep(self, chunk: bytes) -> bool:
        self._chunks.put(chunk)
        return True

    def _last_word(self) -> None:
        self._end()
        self._finish()

    def _end(self) -> None:
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self._subscription.cancel()
