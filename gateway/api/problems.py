"""Problems (RFC 9457), the shape of every error of v2. Each kind has its own page at /problems/<code>."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

from flask import Response, json, request
from pydantic import BaseModel, Field

from contracts.errors import ShowcaseError

MEDIA_TYPE = "application/problem+json"
PAGES = "/problems"

Responses: TypeAlias = dict[str | int, type[BaseModel] | dict[Any, Any] | None]
"""An endpoint's possible responses by status, in flask-openapi3's form."""


class Problem(BaseModel):
    """An error in the format of RFC 9457."""

    type: str = Field(description="Address of a page that explains this kind of problem.")
    title: str = Field(description="The kind of problem in a few words; the same for all problems of a kind.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request, and what to do about it.")
    instance: str = Field(description="The address of the request.")
    code: str = Field(description="The kind of problem, for programs.")


LONGEST_SENTENCE = 600
LONGEST_REPEATED = 200
_LONG_WORD = re.compile(rf"\S{{{LONGEST_REPEATED},}}")


def shortened(sentence: str) -> str:
    """Return a sentence for an answer: what a client sent is repeated to 200 characters at most."""
    short = _LONG_WORD.sub(lambda word: word[0][: LONGEST_REPEATED - 4] + "….", sentence)
    return short if len(short) <= LONGEST_SENTENCE else short[: LONGEST_SENTENCE - 2] + "…."


def requested_address() -> str:
    """Return the address of the request at hand, shortened."""
    return (request.full_path.rstrip("?") if request.args else request.path)[:LONGEST_REPEATED]


def problem_value(kind: type[ShowcaseError], detail: str, instance: str, status: int | None = None) -> Problem:
    """Return a problem of this kind with the address of its request; ``status`` overrides the kind's own."""
    return Problem(
        type=f"{PAGES}/{kind.code}",
        title=kind.title,
        status=status or kind.status,
        detail=shortened(detail),
        instance=instance,
        code=kind.code,
    )


def problem(
    kind: type[ShowcaseError], detail: str, status: int | None = None, members: Mapping[str, object] | None = None
) -> Response:
    """Return the response with a problem of this kind.

    ``status`` overrides the kind's own, ``members`` are further members.
    """
    body: dict[str, Any] = problem_value(kind, detail, requested_address(), status).model_dump() | dict(members or {})
    response = Response(json.dumps(body), status=body["status"], mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def described(*statuses: int) -> Responses:
    """Return the OpenAPI responses for these error statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }
