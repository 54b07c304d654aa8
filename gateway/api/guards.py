"""What every request passes before its call: its host and origin, its content coding, and its body's length."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from contracts.errors import ForbiddenOrigin, UnsupportedMediaType
from gateway.access.origins import (
    CORS_ANSWER_HEADERS,
    CORS_METHODS,
    CORS_REQUEST_HEADERS,
    CORS_SECONDS,
    OriginPolicy,
)
from gateway.api.errors import to_response
from gateway.api.requests.body_limits import body_limit


def register(app: Flask, policy: OriginPolicy, upload_bytes: int) -> None:
    """Refuse what ``policy`` refuses, what is encoded and what is too long; answer other origins' pages that it allows.

    An image may have ``upload_bytes``.
    """

    @app.before_request
    def guard() -> Response | None:
        reason = policy.refusal(request.method, request.path, request.headers)
        if reason is not None:
            return to_response(ForbiddenOrigin(reason))
        coding = request.headers.get("Content-Encoding", "").strip()
        if coding and coding.lower() != "identity":
            response = to_response(
                UnsupportedMediaType(
                    f"The body is in the Content-Encoding {coding[:64]!r}, which is not read. Send it as it is."
                )
            )
            response.headers["Accept-Encoding"] = "identity"  # RFC 9110, section 15.5.16
            return response
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method == "OPTIONS" and asked is not None and policy.allows(request.headers.get("Origin")):
            preflight = Response(status=204)
            preflight.headers["Access-Control-Allow-Methods"] = CORS_METHODS
            preflight.headers["Access-Control-Allow-Headers"] = CORS_REQUEST_HEADERS
            preflight.headers["Access-Control-Max-Age"] = str(CORS_SECONDS)
            return preflight
        if request.routing_exception is None:  # otherwise that is the answer, and no body is read
            limit = body_limit(request.endpoint, request.mimetype, upload_bytes)
            if (request.content_length or 0) > limit:
                raise RequestEntityTooLarge
            request.max_content_length = limit
        return None

    @app.after_request
    def share(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if policy.origins:
            response.headers.add("Vary", "Origin")
        if origin is not None and policy.allows(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = CORS_ANSWER_HEADERS
        return response
