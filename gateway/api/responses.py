"""Answers that a client may keep and ask about again: JSON with an ETag."""

from __future__ import annotations

import hashlib

from flask import Response, request
from pydantic import BaseModel


def tagged(model: BaseModel, status: int = 200) -> Response:
    """Return the resource with its ETag; 304 when the client has it."""
    body = model.model_dump_json()
    response = Response(body, status=status, mimetype="application/json")
    response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method in {"GET", "HEAD"}:
        response.make_conditional(request)
    return response
