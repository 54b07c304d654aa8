"""Server-sent events of one submission: first those in its document, then each change as it is published.

The response body is a generator over a queue that the broadcaster fills; the server runs it on its own thread.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator

import structlog
from pydantic import BaseModel

from contracts.errors import ShowcaseError
from contracts.submissions.documents import Event, Submission
from contracts.submissions.events import SubmissionChanged, numbered
from contracts.submissions.states import SubmissionState
from gateway.events.subscriptions import EventBroadcaster

log = structlog.get_logger()

RECONNECT_MILLISECONDS = 2000
HEARTBEAT_SECONDS = 10.0
"""How often to send a comment, so that proxies keep the connection open, and reread the document, in case an event was
lost."""

POLL_SECONDS = 1.0
"""How often to reread the document while the broker delivers no events, and to check for a disconnected client."""

QUEUED_CHANGES = 256
"""How many changes may wait for a slow client. Further ones are dropped; the next read of the document finds them."""

FINAL = {f"submission.{state}" for state in SubmissionState if state.terminal}


class EventStream:
    """Iterate over it once. ``close`` cancels its subscription, even if the iteration never began.

    ``reread`` returns the document, None when it was deleted; ``extra`` returns what to send besides the events (the
    position in the queue). ``after`` is the number of the last event that the client has. ``connected`` says whether
    the client is still connected.
    """

    def __init__(
        self,
        submission_id: str,
        after: int,
        *,
        reread: Callable[[], Submission | None],
        extra: Callable[[Submission], BaseModel | None],
        broadcaster: EventBroadcaster,
        connected: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises TooManyWatchers."""
        self._last = after
        self._reread = reread
        self._extra = extra
        self._broadcaster = broadcaster
        self._connected = connected
        self._monotonic = monotonic
        self._changes: queue.Queue[SubmissionChanged] = queue.Queue(QUEUED_CHANGES)
        self._ended = False
        # Subscribe before the first read of the document: a change between the two is then in the queue.
        self._subscription = broadcaster.subscribe(submission_id, self._enqueue)

    def close(self) -> None:
        self._subscription.cancel()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
            yield from self._document()
            read_at = self._monotonic()
            while not self._ended and self._connected():
                try:
                    change = self._changes.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    interval = HEARTBEAT_SECONDS if self._broadcaster.listening else POLL_SECONDS
                    if self._monotonic() - read_at >= interval:
                        yield b": still here\n\n"
                        yield from self._document()
                        read_at = self._monotonic()
                    continue
                if change.first is None or change.first > self._last + 1:
                    yield from self._document()  # an event was lost: the document has it
                    read_at = self._monotonic()
                else:
                    yield from self._events(change.first, change.events)
        finally:
            self.close()

    def _enqueue(self, change: SubmissionChanged) -> None:
        try:
            self._changes.put_nowait(change)
        except queue.Full:
            log.warning("event dropped", submission_id=change.submission_id)

    def _document(self) -> Iterator[bytes]:
        """Yield the events in the document that the client does not have yet."""
        try:
            submission = self._reread()
        except ShowcaseError as error:
            log.warning("event stream cannot read the submission", error=error.message)
            return
        if submission is None:
            self._ended = True
            yield b'event: submission.deleted\ndata: {"type": "submission.deleted"}\n\n'
            return
        extra = self._extra(submission)
        if extra is not None:
            yield f"event: queue\ndata: {extra.model_dump_json()}\n\n".encode()
        known = numbered(submission)
        if known:
            yield from self._events(known[0].number, tuple(each.event for each in known))
        self._ended = self._ended or submission.state.terminal

    def _events(self, first: int, events: tuple[Event, ...]) -> Iterator[bytes]:
        for number, event in enumerate(events, first):
            if number <= self._last or self._ended:
                continue
            self._last = number
            self._ended = event.type in FINAL
            data = event.model_dump_json(exclude_none=True)
            yield f"id: {number}\nevent: {event.type}\ndata: {data}\n\n".encode()
