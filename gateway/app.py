"""Builds the Flask application from its use cases. Opens no connection and reads no environment variable."""

from __future__ import annotations

from flask import Flask, Response

from gateway.api import errors, guards, health, v1
from gateway.api.application import Application
from gateway.api.openapi import document
from gateway.api.v2 import blueprints
from gateway.pages import docs, routes

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
}


def create_app(application: Application) -> Flask:
    """Return the web application that serves these use cases."""
    upload_bytes = application.submissions.acceptance.limits.bytes
    app = document.make_app("gateway")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # only Flask's default provider has it
    app.url_map.merge_slashes = False  # merging redirects with an HTML page
    errors.register(app, upload_bytes)
    guards.register(app, application.access.origins, upload_bytes)
    app.register_blueprint(v1.blueprint(application))
    for blueprint in blueprints(application):
        app.register_api(blueprint)
    app.register_blueprint(health.blueprint(application.readiness))
    app.register_blueprint(routes.blueprint(application.catalogue.workflows))
    app.register_blueprint(docs.blueprint(document.ADDRESS))

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
