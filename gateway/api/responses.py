"""Responses that a client may cache and revalidate: JSON with an ETag."""

from __future__ import annotations

import hashlib

from flask import Response, request
from pydantic import BaseModel

from contracts.submissions.documents import Submission
from gateway.api.resources.submissions import SubmissionResource, resource
from gateway.submissions.lookup import SubmissionLookup

RETRY_AFTER_SECONDS = 1
"""When a client should poll a submission that has just been queued."""


def tagged(model: BaseModel, status: int = 200) -> Response:
    """Return the resource with its ETag; 304 when the client's copy is current."""
    body = model.model_dump_json()
    response = Response(body, status=status, mimetype="application/json")
    response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method in {"GET", "HEAD"}:
        response.make_conditional(request)
    return response


def submission_resource(lookup: SubmissionLookup, submission: Submission) -> SubmissionResource:
    return resource(submission, lookup.backlog(submission), lookup.now())


def submission_response(lookup: SubmissionLookup, submission: Submission, status: int = 200) -> Response:
    """Return the submission as v2 shows it, with its ETag; 304 when the client's copy is current."""
    return tagged(submission_resource(lookup, submission), status)
