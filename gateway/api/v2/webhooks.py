"""Shows the deliveries of a submission's webhook, and sends it again on request."""

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

WEBHOOKS = Tag(name="Webhooks", description="Receive a request when a submission is final, instead of polling.")


class DeliveryState(StrEnum):
    """The state of a webhook's delivery."""

    NONE = "none"
    WAITING = "waiting"
    DUE = "due"
    SENT = "sent"
    GIVEN_UP = "given_up"


class AttemptResource(BaseModel):
    """One POST to the receiver."""

    id: str = Field(description="The event's id, as in the header webhook-id.")
    started_at: datetime = Field(description="When the attempt began.")
    ended_at: datetime = Field(description="When the attempt ended, with or without a response.")
    status: int | None = Field(description="The status of the receiver's response; null without a response.")
    error: str | None = Field(description="What went wrong; null when the receiver accepted it.")


class WebhookUrls(BaseModel):
    """Addresses of the webhook's operations and related resources."""

    self: str = Field(description="GET: this resource.")
    submission: str = Field(description="GET: the webhook's submission.")
    replay: str | None = Field(description="POST: send the event again; null until there is an event.")


class WebhookResource(BaseModel):
    """The webhook of a submission, and the state of its delivery."""

    url: str | None = Field(
        description="The receiver's URL; null without a webhook.", examples=["https://example.com/hooks/showcase"]
    )
    state: DeliveryState = Field(
        description="none: the submission has no webhook; waiting: the submission is not final yet; due: the event "
        "will be sent at due_at; sent: the receiver accepted it; given_up: the receiver answered 410, or every attempt "
        "of the schedule failed."
    )
    id: str | None = Field(description="The event's id; null until the submission is final.")
    due_at: datetime | None = Field(description="When it is sent next.")
    sent_at: datetime | None = Field(description="When the receiver accepted it.")
    attempts: list[AttemptResource] = Field(description="The latest 20 attempts, oldest first.")
    urls: WebhookUrls = Field(description="Addresses of its operations and related resources.")


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
        summary="Get a submission's webhook",
        operation_id="get_webhook",
        responses={"200": WebhookResource, **described(404, 410, 503)},
    )
    def show(path: SubmissionPath) -> Response:
        """Return the receiver's URL, whether the event was sent, and the latest attempts."""
        return answer(lookup.find(path.submission_id), 200)

    @v2.post(
        "/submissions/<submission_id>/webhooks/<delivery_id>/replay",
        summary="Send a submission's webhook again",
        operation_id="replay_webhook",
        responses={"202": WebhookResource, **described(404, 409, 410, 503)},
    )
    def replay(path: DeliveryPath) -> Response:
        """Send the event now, with the same id. If that fails, the whole schedule of retries begins again."""
        submission = lookup.find(path.submission_id)
        if submission.webhook is None:
            raise UnknownWebhook("The submission has no webhook. Name one when you submit an image.")
        if not submission.state.terminal:
            raise IllegalMove(f"The submission is {submission.state}; its webhook is sent when it is final.")
        if path.delivery_id != event_id(submission):
            raise UnknownWebhook(
                f"The submission has no event {path.delivery_id[:64]!r}; its latest is {event_id(submission)!r}."
            )
        if not replays.replay(submission):
            raise IllegalMove("The submission has changed in the meantime. Get it again, and retry.")
        return answer(lookup.find(path.submission_id), 202)

    return v2


def _state(webhook: Webhook) -> DeliveryState:
    if webhook.due_at is not None:
        return DeliveryState.DUE
    return DeliveryState.SENT if webhook.sent_at is not None else DeliveryState.GIVEN_UP
