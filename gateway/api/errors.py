"""The only map from errors to HTTP."""

from __future__ import annotations

import structlog
from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from contracts import errors

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2

STATUS: dict[type[errors.ShowcaseError], int] = {
    errors.UnknownWorkflow: 404,
    errors.UnknownSubmission: 404,
    errors.UploadTooLarge: 413,
    errors.RejectedUpload: 400,
    errors.IllegalMove: 409,
    errors.QueueFull: 503,
    errors.UnknownSchema: 503,
    errors.StoreUnavailable: 503,
    errors.BrokerUnavailable: 503,
    errors.ShowcaseError: 500,
}

SENTENCES = {
    400: "The request could not be read. Send multipart/form-data with the parts 'image' and 'workflow_name'.",
    404: "There is nothing at this address. GET / lists what there is.",
    405: "This address does not take this method.",
    408: "The request took too long to arrive. Send it again.",
    415: "This content type is not read here. Send multipart/form-data.",
}


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


def register(app: Flask, upload_bytes: int) -> None:
    """Answer every error in one shape: never a page, never a traceback."""

    @app.errorhandler(errors.ShowcaseError)
    def ours(error: errors.ShowcaseError) -> Response:
        status = status_of(error)
        if status < 500:
            return failure(error.message, status)
        if isinstance(error, errors.QueueFull):
            return failure(error.message, status, error.retry_after_seconds)
        log.error("request failed", code=error.code, error=error.message)
        if isinstance(error, errors.UnknownSchema):
            return failure("A newer release of the service holds this. Ask again in a moment.", status)
        if status == 503:
            return failure("The service cannot reach its database at the moment. Try again.", status)
        return failure("The service made a mistake. It is in its log; try again or tell its operator.", status)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_error: RequestEntityTooLarge) -> Response:
        limit = upload_bytes / 1024 / 1024
        sentence = f"The request is larger than what is accepted: an image of {limit:.1f} MiB and a few short fields."
        return failure(sentence + " Send a smaller one.", 413)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        response = failure(SENTENCES.get(status, error.description or error.name), status)
        for name, value in error.get_headers():
            if name in {"Allow", "Retry-After"}:
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("request broke", exc_info=error)
        return failure("The service made a mistake. It is in its log; try again or tell its operator.", 500)
