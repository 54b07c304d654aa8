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
    lookup,
    pictures,
    records,
    sending,
    submissions,
    watching,
    webhooks,
    workflows,
)
from gateway.api.v2 import models as models_api
from gateway.catalogue.models import ModelDirectory
from gateway.events.subscriptions import Hub
from gateway.images.validation import Limits
from gateway.pages import docs, routes
from gateway.submissions.accept import Acceptance
from gateway.submissions.admission import Intake
from gateway.submissions.idempotency import Idempotency
from gateway.submissions.lifecycle import Lifecycle
from gateway.submissions.listing import Source
from gateway.submissions.ports import Doorbell, IdempotencyStore, Store
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
    doorbell: Doorbell,
    hub: Hub,
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
    owners: Lifecycle,
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
    intake = Intake(doorbell, catalogue.names, queue_limit)
    acceptance = Acceptance(store, doorbell, intake, limits, retention, webhook_policy)
    app.register_blueprint(v1.blueprint(store, catalogue, acceptance))
    shown, timers = lookup.Submissions(store, doorbell, tombstones), Timers()
    sent = sending.Sending(acceptance, Idempotency(store, keys, acceptance, shown.find), catalogue)
    app.register_api(submissions.blueprint(shown, sent, watching.Waiting(store, hub, timers)))
    app.register_api(lifecycle.blueprint(shown, owners))
    app.register_api(watching.blueprint(shown, store, hub, timers))
    app.register_api(webhooks.blueprint(shown, replays))
    app.register_api(lists.blueprint(shown, listing, store))
    app.register_api(exports.blueprint(shown, listing, store, catalogue))
    app.register_api(pictures.blueprint(shown, pictures.Pictures(store)))
    app.register_api(records.blueprint(shown))
    app.register_api(workflows.blueprint(catalogue, limits))
    app.register_api(models_api.blueprint(models))
    app.register_blueprint(health.blueprint(store, doorbell, intake))
    app.register_blueprint(routes.blueprint(catalogue))
    app.register_blueprint(docs.blueprint(document.ADDRESS))

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
