"""Follow a submission: its state changes as server-sent events."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field

from contracts.errors import InvalidRequest
from contracts.submissions.documents import Submission
from gateway.api.application import Application
from gateway.api.openapi.schema import reference
from gateway.api.problems import described
from gateway.api.requests.paths import SUBMISSIONS, SubmissionPath
from gateway.api.requests.waiting import client_connected
from gateway.api.resources.addresses import PREFIX
from gateway.api.resources.submissions import QueuePosition
from gateway.api.responses import submission_resource
from gateway.events.stream import EventStream


class EventHeaders(BaseModel):
    last_event_id: str | None = Field(
        default=None,
        alias="Last-Event-ID",
        description="The number of the last event that you received.",
        json_schema_extra={"pattern": "^[0-9]{0,9}$"},  # not enforced: _number has a clearer sentence
    )


class ServerSentEvent(BaseModel):
    """One event of the stream."""

    id: str | None = Field(
        default=None,
        description="The number of the state change, for `Last-Event-ID`; a `queue` event has none.",
        examples=["3"],
    )
    event: str = Field(description="The type of the state change, or `queue`.", examples=["step.running"])
    data: str = Field(
        description="JSON: the type, time, step, gate and reason of a state change, or a position in the queue.",
        examples=['{"type": "step.running", "at": "2026-03-01T12:00:00Z", "step": "classification"}'],
    )


def blueprint(application: Application) -> APIBlueprint:
    v2 = APIBlueprint("v2_submission_events", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    lookup = application.submissions.lookup

    def queue_position(submission: Submission) -> QueuePosition | None:
        return submission_resource(lookup, submission).queue

    @v2.get(
        "/submissions/<submission_id>/events",
        summary="Follow a submission",
        operation_id="follow_submission",
        responses={
            "200": {
                "description": "Server-sent events; the stream ends when the submission does.",
                "content": {"text/event-stream": reference(ServerSentEvent)},
            },
            "204": {"description": "The submission is final, and you have all its events: do not connect again."},
            **described(400, 404, 410, 503),
        },
    )
    def events(path: SubmissionPath, header: EventHeaders) -> Response:
        """Stream each state change of the submission and of its steps as a server-sent event, numbered by its `id`.

        The event's name is its type (`submission.running`, `step.skipped`, ...); its data has the time, the step and
        the gate that decided. While the submission is queued, `queue` events without an id give its position. With
        `Last-Event-ID` the stream resumes after that event, on any replica.
        """
        submission = lookup.find(path.submission_id)
        after = _number(header.last_event_id)
        if submission.state.terminal and after >= submission.event_count > 0:
            return Response(status=204)
        stream = EventStream(
            submission.id,
            after,
            reread=lambda: lookup.reread(submission.id),
            extra=queue_position,
            broadcaster=application.events.broadcaster,
            connected=client_connected(),
        )
        response = Response(stream, mimetype="text/event-stream", direct_passthrough=True)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would buffer events
        return response

    return v2


def _number(text: str | None) -> int:
    if text is None or not text.strip():
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidRequest("Last-Event-ID must be the id of an event of this submission. Send it unchanged.")
    return int(text)
