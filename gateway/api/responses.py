"""Responses that a client may cache and revalidate: with an ETag, and by the request's conditions."""

from __future__ import annotations

import hashlib

from flask import Response, request
from pydantic import BaseModel

from contracts.errors import PreconditionFailed
from contracts.submissions.documents import Submission
from gateway.api.requests.preconditions import Outcome, evaluate
from gateway.api.resources.submissions import SubmissionResource, resource
from gateway.submissions.lookup import SubmissionLookup

EVALUATED = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")

RETRY_AFTER_SECONDS = 1
"""When a client should poll a submission that has just been queued."""


def tagged(model: BaseModel, status: int = 200) -> Response:
    """Return the resource with its ETag; 304 when the client's copy is current. Raises PreconditionFailed."""
    body = model.model_dump_json()
    response = Response(body, status=status, mimetype="application/json")
    response.set_etag(_etag(body))
    response.headers["Cache-Control"] = "private, no-cache"
    return conditional(response) if request.method in {"GET", "HEAD"} else response


def conditional(response: Response, complete_length: int | None = None) -> Response:
    """Return what the request's conditions leave of a response with an ETag: the whole, a part, or 304.

    A part only where ``complete_length`` is given. Raises PreconditionFailed, and RequestedRangeNotSatisfiable.
    """
    etag, _ = response.get_etag()
    outcome = evaluate(request.headers, etag or "")
    if outcome is Outcome.FAILED:
        raise PreconditionFailed(PreconditionFailed.example)
    if outcome is Outcome.NOT_MODIFIED:
        response.status_code = 304
    elif complete_length is not None:
        unconditional = {name: value for name, value in request.environ.items() if name not in EVALUATED}
        response.make_conditional(unconditional, accept_ranges=True, complete_length=complete_length)
    return response


def require_match(lookup: SubmissionLookup, submission: Submission) -> Submission:
    """Return the submission, if the conditions of a request to change it hold. Raises PreconditionFailed."""
    if any(name in request.environ for name in EVALUATED):
        etag = _etag(submission_resource(lookup, submission).model_dump_json())
        if evaluate(request.headers, etag, request.method) is Outcome.FAILED:
            raise PreconditionFailed(PreconditionFailed.example)
    return submission


def _etag(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def submission_resource(lookup: SubmissionLookup, submission: Submission) -> SubmissionResource:
    return resource(submission, lookup.backlog(submission), lookup.now())


def submission_response(lookup: SubmissionLookup, submission: Submission, status: int = 200) -> Response:
    """Return the submission as v2 shows it, with its ETag; 304 when the client's copy is current."""
    return tagged(submission_resource(lookup, submission), status)
