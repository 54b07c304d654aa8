"""Follow a submission's server-sent events, and resume the stream after a broken connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
from httpx_sse import EventSource, SSEError

from showcase.errors import ShowcaseError, Unavailable, UnexpectedAnswer, Unreachable
from showcase.resources import Event
from showcase.retries import RetryPolicy, pause_before_retry
from showcase.transport import Transport

IDLE_TIMEOUT_SECONDS = 45.0
"""The server sends a comment every few seconds, so a connection that stays silent for longer is dead."""
RECONNECT_POLICY = RetryPolicy(max_tries=12, max_wait_seconds=120.0, first_pause_seconds=0.2)
"""Limits consecutive connections that deliver nothing; every event or comment resets the count."""


def follow(
    transport: Transport,
    path: str,
    is_final: Callable[[], bool],
    *,
    after: str | None = None,
    until: float | None = None,
    policy: RetryPolicy = RECONNECT_POLICY,
) -> Iterator[Event]:
    """Yield every event of a submission after the event ``after``, until the submission has ended.

    ``is_final`` asks the server whether it has ended. When the connection breaks, or the server closes it to make
    room for other clients, the next one sends ``Last-Event-ID``, so that no event is lost and none comes twice. After
    ``until`` (a time of ``time.monotonic``), the iterator stops at the next data from the server.
    Raises Unreachable or Unavailable when no connection succeeds within ``policy``, and the subclasses of Refused.
    """
    last = after
    tries, waited = 0, 0.0
    while until is None or time.monotonic() < until:
        received = final = False
        previous = last
        failure: ShowcaseError | None = None
        try:
            for event in _stream(transport, path, last, until):
                tries, waited = 0, 0.0
                if event is not None and not (event.numbered and _number(event.id) <= _number(last)):
                    received, final, last = True, event.ends, event.id or last
                    yield event
        except _StreamComplete:
            return
        except (Unreachable, Unavailable) as error:
            failure = error
        if failure is None and final and last != previous:
            continue  # a retry may follow this end: the next response tells whether it did
        if failure is None and not (received and last != previous) and is_final():
            return
        tries += 1
        requested = failure.retry_after if isinstance(failure, Unavailable) else None
        seconds = pause_before_retry(policy, tries, waited, requested, transport.jitter())
        if seconds is None:
            raise failure or Unreachable(
                f"{transport.url} closes the stream of events again and again without sending one."
            )
        transport.sleep(seconds)
        waited += seconds


class _StreamComplete(Exception):
    """The submission has ended and the client has received all its events."""


def _stream(transport: Transport, path: str, last: str | None, until: float | None) -> Iterator[Event | None]:
    """Yield the events of one connection, and None for each comment."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last:
        headers["Last-Event-ID"] = last
    timeout = IDLE_TIMEOUT_SECONDS if until is None else max(1.0, min(IDLE_TIMEOUT_SECONDS, until - time.monotonic()))
    with transport.stream("GET", path, headers=headers, read_seconds=timeout, retry=False) as response:
        if response.status_code == httpx.codes.NO_CONTENT:
            raise _StreamComplete
        try:
            for sent in EventSource(cast("httpx.Response", _UntilDeadline(response, until))).iter_sse():
                # A keep-alive comment arrives as an event without data.
                yield Event.from_stream(sent.id, sent.event or "message", _data(sent.data)) if sent.data else None
        except SSEError as error:
            raise UnexpectedAnswer(f"{transport.url}{path} is not a stream of events: {error}") from error


class _UntilDeadline:
    """A response whose text ends at a deadline, even when only comments arrive, which ``iter_sse`` may not yield."""

    def __init__(self, response: httpx.Response, until: float | None) -> None:
        self.headers = response.headers
        self._response = response
        self._until = until

    def iter_text(self) -> Iterator[str]:
        for text in self._response.iter_text():
            yield text
            if self._until is not None and time.monotonic() >= self._until:
                return


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
