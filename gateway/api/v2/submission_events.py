"""Wait for a submission's end in the request itself, or follow its moves as server-sent events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from flask import Response, request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field

from contracts.errors import InvalidRequest, TooManyWatchers
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged
from gateway.api.problems import described
from gateway.api.v2 import PREFIX
from gateway.api.openapi.schema import reference
from gateway.api.requests.parsing import wait_seconds
from gateway.api.resources.submissions import QueuePosition
from gateway.api.resources.lookup import SUBMISSIONS, SubmissionPath, Submissions
from gateway.events.stream import AWAY_SECONDS, EventStream
from gateway.events.subscriptions import PARKING, RESUMED, EventBroadcaster, Parked, Wake
from gateway.submissions.ports import Store
from gateway.timers import Timers

LOOK_SECONDS = 5.0
"""A waiting request looks at the document so often, in case that a notice was lost."""

LOOKS_AT_ONCE = 2
"""Threads that read documents for event streams. One stream asks for one look at a time."""


@dataclass(frozen=True)
class Left:
    """What a parked request finds again: which submission it waits for, until when (monotonic), for how long.

    ``replayed``: the submission was there before the request came.
    """

    submission_id: str
    deadline: float
    seconds: int
    replayed: bool = False


class Waiting:
    """``Prefer: wait=N``: the answer comes when the submission is final, or after N seconds as it then stands."""

    def __init__(self, store: Store, broadcaster: EventBroadcaster, timers: Timers) -> None:
        self._store = store
        self._broadcaster = broadcaster
        self._timers = timers

    def resumed(self) -> Left | None:
        """Return what this request left behind when it was parked."""
        left = request.environ.get(RESUMED)
        return left if isinstance(left, Left) else None

    def wait(self, submission: Submission, *, replayed: bool = False) -> tuple[Submission, int | None]:
        """Return the submission as it stands after the wait that the request prefers, and the seconds of it.

        None seconds: it prefers none, or as many wait already as may. Raises Parked where the server lets a request
        wait without a thread.
        """
        left = self.resumed()
        if left is None:
            seconds = wait_seconds(request.headers.get("Prefer", ""))
            if seconds is None:
                return submission, None
            left = Left(submission.id, time.monotonic() + seconds, seconds, replayed)
        if submission.state.terminal or time.monotonic() >= left.deadline:
            return submission, left.seconds
        if request.environ.get(PARKING):
            raise Parked(lambda wake: self._arm(left, wake), left)
        try:
            self._block(left)
        except TooManyWatchers:
            return submission, None
        return self._store.fetch(submission.id) or submission, left.seconds

    def _arm(self, left: Left, wake: Wake) -> None:
        pause = LOOK_SECONDS if self._broadcaster.listening else AWAY_SECONDS
        pause = max(0.0, min(pause, left.deadline - time.monotonic()))
        over = threading.Event()
        undo: list[Callable[[], None]] = []

        def done() -> None:
            over.set()
            for cancel in undo:
                cancel()
            wake()

        def callback(change: SubmissionChanged) -> None:
            if change.state.terminal:
                done()

        undo.append(self._timers.later(pause, done).cancel)
        try:
            undo.append(self._broadcaster.subscribe(left.submission_id, callback).cancel)
        except TooManyWatchers:
            return  # it is accepted and cannot be told when it ends: the timer has it look now and then
        found = self._store.fetch(left.submission_id)  # what ended before the subscription was not heard
        if found is None or found.state.terminal:
            done()
        elif over.is_set():
            undo[-1]()  # it was over before the subscription stood in the list

    def _block(self, left: Left) -> None:
        over = threading.Event()

        def callback(change: SubmissionChanged) -> None:
            if change.state.terminal:
                over.set()

        subscription = self._broadcaster.subscribe(left.submission_id, callback)
        try:
            while time.monotonic() < left.deadline and not over.is_set():
                found = self._store.fetch(left.submission_id)
                if found is None or found.state.terminal:
                    return
                pause = LOOK_SECONDS if self._broadcaster.listening else AWAY_SECONDS
                over.wait(min(pause, max(0.0, left.deadline - time.monotonic())))
        finally:
            subscription.cancel()


class WaitHeaders(BaseModel):
    prefer: str | None = Field(
        default=None,
        max_length=1000,
        description="`wait=N`: answer when the submission is final, or after N seconds, at most 60 (RFC 7240).",
    )


class EventHeaders(BaseModel):
    last_event_id: str | None = Field(
        default=None,
        alias="Last-Event-ID",
        description="The number of the last event that you have.",
        json_schema_extra={"pattern": "^[0-9]{0,9}$"},  # said here, and checked with a better sentence
    )


class ServerSentEvent(BaseModel):
    """One event of the stream, as its lines say it."""

    id: str | None = Field(
        default=None,
        description="The number of the move, to go on from; a place in the queue has none.",
        examples=["3"],
    )
    event: str = Field(description="What it is: the move's type, or `queue`.", examples=["step.running"])
    data: str = Field(
        description="JSON: of a move its type, time, step, gate and reason, of a place in the queue its numbers.",
        examples=['{"type": "step.running", "at": "2026-03-01T12:00:00Z", "step": "classification"}'],
    )


def blueprint(submissions: Submissions, store: Store, broadcaster: EventBroadcaster, timers: Timers) -> APIBlueprint:
    v2 = APIBlueprint("v2_watching", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    looks = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="looks")

    def place(submission: Submission) -> QueuePosition | None:
        return submissions.resource(submission).queue

    @v2.get(
        "/submissions/<submission_id>/events",
        summary="Follow a submission",
        operation_id="follow_submission",
        responses={
            "200": {
                "description": "Server-sent events; the stream ends with the submission.",
                "content": {"text/event-stream": reference(ServerSentEvent)},
            },
            "204": {"description": "It is final, and you have all of its events: do not connect again."},
            **described(400, 404, 410, 503),
        },
    )
    def events(path: SubmissionPath, header: EventHeaders) -> Response:
        """Each move of the submission and of its steps as a server-sent event, numbered by its `id`.

        The event's name is its type (`submission.running`, `step.skipped`, ...); its data says when, which step, and
        the gate that decided. While the submission is queued, `queue` events without an id tell its place. With
        `Last-Event-ID` the stream goes on after that event, on any replica.
        """
        submission = submissions.find(path.submission_id)
        after = _number(header.last_event_id)
        if submission.state.terminal and after >= submission.event_count > 0:
            return Response(status=204)
        stream = EventStream(
            submission.id,
            after,
            look=lambda: store.fetch(submission.id),
            extra=place,
            broadcaster=broadcaster,
            timers=timers,
            looks=looks,
            detachable=bool(request.environ.get(PARKING)),
        )
        response = Response(stream, mimetype="text/event-stream", direct_passthrough=True)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back until it has many
        return response

    return v2


def _number(text: str | None) -> int:
    if text is None or not text.strip():
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest("Last-Event-ID is the number of an event of this submission. Send it as it came.")
    return int(text)
