"""The Flask application, made from its ports: connects to nothing and reads no environment."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response

from contracts.webhooks.policy import WebhookPolicy
from contracts.workflows.catalogue import Catalogue
from gateway.api import errors, health, v1
from gateway.api.v2 import (
    document,
    exports,
    lifecycle,
    lists,
    pictures,
    records,
    submission_lookup,
    submissions,
    submit_request,
    watching,
    webhooks,
    workflows,
)
from gateway.api.v2 import models as models_api
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import EventBroadcaster
from gateway.images.validation import Limits
from gateway.pages import docs, routes
from gateway.submissions.accept import Acceptance
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.idempotency import Idempotency
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.listing import Source
from gateway.submissions.ports import IdempotencyStore, JobPublisher, Store
from gateway.submissions.retention import Tombstones
from gateway.timers import Timers

FORM_BYTES = 64 * 1024
"""What a request may hold besides the image: part headers and text fields."""

PARSER_BYTES = 1024 * 1024
"""What text fields may hold in memory. Werkzeug's parser counts its read buffer against it, image or not."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
}


def create_app(
    *,
    store: Store,
    job_publisher: JobPublisher,
    broadcaster: EventBroadcaster,
    listing: Source,
    tombstones: Tombstones,
    catalogue: Catalogue,
    models: ModelDirectory,
    limits: Limits,
    queue_limit: int,
    retention: timedelta | None,
    webhook_policy: WebhookPolicy,
    replays: webhooks.Replays,
    keys: IdempotencyStore,
    lifecycle_use_case: Lifecycle,
) -> Flask:
    """Return the application.

    ``queue_limit``: how many submissions of one workflow may wait; 0 is no limit. ``retention``: how long submissions
    are kept; None is for ever. ``webhook_policy``: whether there are webhooks, and where they may go.
    """
    app = document.make_app("gateway")
    app.config["MAX_CONTENT_LENGTH"] = limits.bytes + FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = PARSER_BYTES
    app.config["MAX_FORM_PARTS"] = 20
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it, its base has not
    app.url_map.merge_slashes = False  # its redirect would be an HTML page
    errors.register(app, limits.bytes)
    admission = AdmissionControl(job_publisher, catalogue.names, queue_limit)
    acceptance = Acceptance(store, job_publisher, admission, limits, retention, webhook_policy)
    app.register_blueprint(v1.blueprint(store, catalogue, acceptance))
    found_submissions, timers = submission_lookup.Submissions(store, job_publisher, tombstones), Timers()
    sent = submit_request.SubmitRequest(
        acceptance, Idempotency(store, keys, acceptance, found_submissions.find), catalogue
    )
    app.register_api(submissions.blueprint(found_submissions, sent, watching.Waiting(store, broadcaster, timers)))
    app.register_api(lifecycle.blueprint(found_submissions, lifecycle_use_case))
    app.register_api(watching.blueprint(found_submissions, store, broadcaster, timers))
    app.register_api(webhooks.blueprint(found_submissions, replays))
    app.register_api(lists.blueprint(found_submissions, listing, store))
    app.register_api(exports.blueprint(found_submissions, listing, store, catalogue))
    app.register_api(pictures.blueprint(found_submissions, pictures.Pictures(store), models.overlay))
    app.register_api(records.blueprint(found_submissions))
    app.register_api(workflows.blueprint(catalogue, limits))
    app.register_api(models_api.blueprint(models))
    app.register_blueprint(health.blueprint(store, job_publisher, admission))
    app.register_blueprint(routes.blueprint(catalogue))
    app.register_blueprint(docs.blueprint(document.ADDRESS))

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
