"""The only map from errors to HTTP. v2 answers problems (RFC 9457), all else has v1's one shape."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from contracts import errors
from gateway.api.problems import TITLES, problem
from gateway.api.v2 import PREFIX

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2

STATUS: dict[type[errors.ShowcaseError], int] = {
    errors.InvalidRequest: 400,
    errors.UnknownWorkflow: 404,
    errors.UnknownModel: 404,
    errors.UnknownSubmission: 404,
    errors.UnknownWebhook: 404,
    errors.InvalidWebhook: 400,
    errors.WebhooksOff: 403,
    errors.UnknownArtifact: 404,
    errors.SubmissionGone: 410,
    errors.IdempotencyConflict: 422,
    errors.UploadTooLarge: 413,
    errors.RejectedUpload: 400,
    errors.IllegalMove: 409,
    errors.QueueFull: 503,
    errors.TooManyWatchers: 503,
    errors.Busy: 503,
    errors.UnknownSchema: 503,
    errors.StoreUnavailable: 503,
    errors.BrokerUnavailable: 503,
    errors.ShowcaseError: 500,
}

MISTAKE = "The service made a mistake. It is in its log; try again or tell its operator."

SENTENCES = {
    400: "The request could not be read. Send multipart/form-data with the parts 'image' and 'workflow_name'.",
    404: "There is nothing at this address. GET / lists what there is.",
    405: "This address does not take this method.",
    408: "The request took too long to arrive. Send it again.",
    415: "This content type is not read here. Send multipart/form-data.",
}

SENTENCES_V2 = SENTENCES | {
    400: "The request could not be read. /docs shows what is expected here.",
    404: "There is nothing at this address. /docs lists what there is.",
    415: "This content type is not read here. Send multipart/form-data or application/json.",
    416: "The picture is shorter than where this range begins. Content-Range says how long it is.",
}

CODES = {
    400: "invalid-request",
    404: "unknown-address",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    413: "upload-too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
}
"""The kind of problem, by what the web framework raises by itself."""


@dataclass(frozen=True)
class Failed:
    """What a client is told of an error. ``retry_after_seconds`` goes with a 503."""

    code: str
    message: str
    status: int
    retry_after_seconds: int = RETRY_AFTER_SECONDS

    def response(self) -> Response:
        if not request.path.startswith(PREFIX):
            return failure(self.message, self.status, self.retry_after_seconds)
        code = self.code if self.code in TITLES else "internal-error"
        response = problem(code, self.message, self.status)
        if self.status == 503:
            response.headers["Retry-After"] = str(self.retry_after_seconds)
        return response


def failure(message: str, status: int, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> Response:
    """Return v1's one error shape. ``retry_after_seconds`` goes with a 503."""
    response = jsonify({"status": "Failure", "message": message})
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def status_of(error: errors.ShowcaseError) -> int:
    """Return the status of the nearest class that the map names."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def to_response(error: errors.ShowcaseError) -> Failed:
    """Return what a client is told of an error of ours: its own words, unless they are for the operator."""
    status = status_of(error)
    if status < 500:
        return Failed(error.code, error.message, status)
    if isinstance(error, errors.QueueFull | errors.Busy):
        return Failed(error.code, error.message, status, error.retry_after_seconds)
    if isinstance(error, errors.TooManyWatchers):
        return Failed(error.code, error.message, status)
    log.error("request failed", code=error.code, error=error.message)
    if isinstance(error, errors.UnknownSchema):
        return Failed(error.code, "A newer release of the service holds this. Ask again in a moment.", status)
    if status == 503:
        return Failed(error.code, "The service cannot reach its database at the moment. Try again.", status)
    return Failed("internal-error", MISTAKE, status)


def register(app: Flask, upload_bytes: int) -> None:
    """Answer every error in its API's shape: never a page, never a traceback."""

    @app.errorhandler(errors.ShowcaseError)
    def ours(error: errors.ShowcaseError) -> Response:
        return to_response(error).response()

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_error: RequestEntityTooLarge) -> Response:
        limit = upload_bytes / 1024 / 1024
        sentence = f"The request is larger than what is accepted: an image of {limit:.1f} MiB and a few short fields."
        return Failed(CODES[413], sentence + " Send a smaller one.", 413).response()

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        sentences = SENTENCES_V2 if request.path.startswith(PREFIX) else SENTENCES
        message = sentences.get(status, error.description or error.name)
        response = Failed(CODES.get(status, "invalid-request"), message, status).response()
        for name, value in error.get_headers():
            if name in {"Allow", "Retry-After", "Content-Range"}:
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("request broke", exc_info=error)
        return Failed("internal-error", MISTAKE, 500).response()
