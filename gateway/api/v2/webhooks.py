"""What became of a submission's webhook, and once more if its receiver missed it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from contracts.errors import IllegalMove, UnknownWebhook
from contracts.submissions.documents import Submission, Webhook
from contracts.webhooks.policy import event_id
from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.requests.paths import SubmissionPath
from gateway.api.resources.addresses import PREFIX, submission_url

WEBHOOKS = Tag(name="Webhooks", description="Be told when a submission is final, instead of asking.")


class DeliveryState(StrEnum):
    """How far the telling has come."""

    NONE = "none"
    WAITING = "waiting"
    DUE = "due"
    SENT = "sent"
    GIVEN_UP = "given_up"


class AttemptResource(BaseModel):
    """One POST to the receiver."""

    id: str = Field(description="The event's id, as in the header webhook-id.")
    started_at: datetime = Field(description="When it was begun.")
    ended_at: datetime = Field(description="When it was over, with or without an answer.")
    status: int | None = Field(description="What the receiver answered; null when it gave no answer.")
    error: str | None = Field(description="What went wrong; null when the receiver took it.")


class WebhookUrls(BaseModel):
    """What can be asked about a webhook, and done with it."""

    self: str = Field(description="GET: this resource.")
    submission: str = Field(description="GET: the submission that it tells of.")
    replay: str | None = Field(description="POST there to have the event sent again; null until there is one.")


class WebhookResource(BaseModel):
    """Who is told of the submission's end, and what became of it."""

    url: str | None = Field(
        description="Where the event goes; null when none was named.", examples=["https://example.com/hooks/showcase"]
    )
    state: DeliveryState = Field(
        description="none: no webhook was named; waiting: the submission is not final yet; due: to be sent, at due_at; "
        "sent: the receiver took it; "
        "given_up: it answered 410, or every attempt of the schedule failed."
    )
    id: str | None = Field(description="The event's id; null until the submission is final.")
    due_at: datetime | None = Field(description="When it is sent next.")
    sent_at: datetime | None = Field(description="When the receiver took it.")
    attempts: list[AttemptResource] = Field(description="The latest 20, oldest first.")
    urls: WebhookUrls = Field(description="Where to go on from here.")


class DeliveryPath(SubmissionPath):
    delivery_id: str = Field(description="The event's id.")


def webhook_resource(submission: Submission) -> WebhookResource:
    """Return the submission's webhook as v2 shows it. Pure."""
    webhook = submission.webhook or Webhook(url="")
    final = submission.webhook is not None and submission.state.terminal
    state = DeliveryState.NONE if submission.webhook is None else DeliveryState.WAITING
    identity = event_id(submission) if final else None
    return WebhookResource(
        url=webhook.url or None,
        state=_state(webhook) if final else state,
        id=identity,
        due_at=webhook.due_at if final else None,
        sent_at=webhook.sent_at if final else None,
        attempts=[AttemptResource(**attempt.model_dump()) for attempt in webhook.attempts],
        urls=WebhookUrls(
            self=submission_url(submission.id, "webhook"),
            submission=submission_url(submission.id),
            replay=submission_url(submission.id, "webhooks", identity, "replay") if identity else None,
        ),
    )


def blueprint(application: Application) -> APIBlueprint:
    lookup, replays = application.submissions.lookup, application.submissions.webhooks
    v2 = APIBlueprint("v2_webhooks", __name__, url_prefix=PREFIX, abp_tags=[WEBHOOKS])

    def answer(submission: Submission, status: int) -> Response:
        body = webhook_resource(submission).model_dump_json()
        response = Response(body, status=status, mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    @v2.get(
        "/submissions/<submission_id>/webhook",
        summary="See what became of a submission's webhook",
        operation_id="get_webhook",
        responses={"200": WebhookResource, **described(404, 410, 503)},
    )
    def show(path: SubmissionPath) -> Response:
        """Return where the event goes, whether it is sent, and the attempts so far."""
        return answer(lookup.find(path.submission_id), 200)

    @v2.post(
        "/submissions/<submission_id>/webhooks/<delivery_id>/replay",
        summary="Send a submission's webhook again",
        operation_id="replay_webhook",
        responses={"202": WebhookResource, **described(404, 409, 410, 503)},
    )
    def replay(path: DeliveryPath) -> Response:
        """Send the event now, with the id that it had, and on the whole schedule again should that fail."""
        submission = lookup.find(path.submission_id)
        if submission.webhook is None:
            raise UnknownWebhook("The submission names no webhook. One is named when an image is submitted.")
        if not submission.state.terminal:
            raise IllegalMove(f"The submission is {submission.state}: its webhook is sent once it is final.")
        if path.delivery_id != event_id(submission):
            raise UnknownWebhook(
                f"The submission has no event {path.delivery_id[:64]!r}; its latest is {event_id(submission)!r}."
            )
        if not replays.replay(submission):
            raise IllegalMove("The submission has changed meanwhile. Look at it, and try again.")
        return answer(lookup.find(path.submission_id), 202)

    return v2


def _state(webhook: Webhook) -> DeliveryState:
    if webhook.due_at is not None:
        return DeliveryState.DUE
    return DeliveryState.SENT if webhook.sent_at is not None else DeliveryState.GIVEN_UP
