"""What every request passes before its call: its host and origin, and its content coding."""

from __future__ import annotations

from flask import Flask, Response, request

from contracts.errors import ForbiddenOrigin, UnsupportedMediaType
from gateway.access.origins import (
    CORS_ANSWER_HEADERS,
    CORS_METHODS,
    CORS_REQUEST_HEADERS,
    CORS_SECONDS,
    OriginPolicy,
)
from gateway.api.errors import to_response


def register(app: Flask, policy: OriginPolicy) -> None:
    """Refuse what ``policy`` refuses and what is encoded, and answer pages of other origins that it allows (CORS)."""

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
