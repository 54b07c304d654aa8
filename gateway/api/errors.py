"""Turns errors into HTTP responses: problems (RFC 9457) in v2, v1's single error shape everywhere else.

The table of errors is contracts/errors.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from contracts import errors
from contracts.errors import ShowcaseError, problem_of
from gateway.api.problems import problem, shortened
from gateway.api.requests.body_limits import too_large
from gateway.api.resources.addresses import PREFIX
from gateway.exhaustion import exhausted

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2

SENTENCES = {
    400: "The request could not be read. Send multipart/form-data with the parts 'image' and 'workflow_name'.",
    404: "There is nothing at this address. GET / lists what there is.",
    405: "This address does not take this method.",
    408: "The request took too long to arrive. Send it again.",
    415: "This content type is not read here. Send multipart/form-data.",
}

SENTENCES_V2 = SENTENCES | {
    400: "The request could not be read. /docs shows what this call expects.",
    404: errors.UnknownAddress.example,
    415: errors.UnsupportedMediaType.example,
    416: errors.RangeNotSatisfiable.example,
}

KINDS: dict[int, type[ShowcaseError]] = {
    404: errors.UnknownAddress,
    405: errors.MethodNotAllowed,
    406: errors.NotAcceptable,
    408: errors.RequestTimeout,
    413: errors.UploadTooLarge,
    415: errors.UnsupportedMediaType,
    416: errors.RangeNotSatisfiable,
}
"""The kinds of problem for the errors that the web framework raises, by status."""


def failed(
    kind: type[ShowcaseError],
    message: str,
    status: int,
    retry_after: int = RETRY_AFTER_SECONDS,
    members: Mapping[str, object] | None = None,
) -> Response:
    """Return an error in its API's shape. A 503 has ``retry_after`` (seconds) as its Retry-After header."""
    if not request.path.startswith(PREFIX):
        return failure(message, status, retry_after)
    response = problem(kind, message, status, members)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(retry_after)
    return response


def failure(message: str, status: int, retry_after: int = RETRY_AFTER_SECONDS) -> Response:
    """Return v1's error shape. A 503 has ``retry_after`` (seconds) as its Retry-After header."""
    response = jsonify({"status": "Failure", "message": shortened(message)})
    response.status_code = status
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(retry_after)
    return response


def to_response(error: ShowcaseError) -> Response:
    """Return the response to an error, with its message, or its public text if the message is for the operator."""
    if error.public is not None:
        log.error("request failed", code=error.code, error=error.message)
    retry_after = getattr(error, "retry_after_seconds", RETRY_AFTER_SECONDS)
    message = error.public or error.message
    return failed(problem_of(type(error)), message, error.status, retry_after, error.members)


def register(app: Flask, upload_bytes: int) -> None:
    """Answer every error in its API's shape, never with an HTML page or a traceback."""

    def no_room(full: errors.OutOfResources, error: Exception) -> Response:
        log.error("a resource is used up", error=repr(error)[:200], message=full.message)
        return to_response(full)

    @app.errorhandler(ShowcaseError)
    def platform_error(error: ShowcaseError) -> Response:
        return to_response(error)

    @app.errorhandler(RequestEntityTooLarge)
    def body_too_large(_error: RequestEntityTooLarge) -> Response:
        return failed(errors.UploadTooLarge, too_large(request.endpoint, upload_bytes), 413)

    @app.errorhandler(ClientDisconnected)
    def client_disconnected(error: ClientDisconnected) -> Response:
        """The body did not arrive: the client was too slow, or it disconnected and will not read the response."""
        if (full := exhausted(error)) is not None:
            return no_room(full, error)
        slow = isinstance(error.__context__, TimeoutError)
        return failed(errors.RequestTimeout, SENTENCES[408], 408) if slow else http(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        sentences = SENTENCES_V2 if request.path.startswith(PREFIX) else SENTENCES
        message = sentences.get(status, error.description or error.name)
        kind = KINDS.get(status, ShowcaseError if status >= 500 else errors.InvalidRequest)
        response = failed(kind, message, status)
        for name, value in error.get_headers():
            if name in {"Allow", "Retry-After", "Content-Range"}:
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        if (full := exhausted(error)) is not None:
            return no_room(full, error)
        log.error("unexpected error in a request", exc_info=error)
        return failed(ShowcaseError, ShowcaseError.example, 500)
