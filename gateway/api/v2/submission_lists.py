"""List submissions, newest first, page by page."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

from flask import Response, request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, BeforeValidator, Field

from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.requests.filters import FilterQuery
from gateway.api.requests.paths import SUBMISSIONS
from gateway.api.resources.addresses import PREFIX
from gateway.api.resources.submissions import SubmissionResource
from gateway.api.responses import submission_resource

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def _number(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("Write a whole number")
    return value


class ListQuery(FilterQuery):
    cursor: str | None = Field(
        default=None,
        max_length=256,
        description="Where the page begins: the `next` of the previous page, unchanged.",
        json_schema_extra={"format": "cursor"},
    )
    limit: Annotated[int, BeforeValidator(_number)] = Field(
        default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="The most submissions on a page."
    )


class SubmissionList(BaseModel):
    """One page, newest first."""

    items: list[SubmissionResource] = Field(description="The submissions.")
    next: str | None = Field(
        description="The cursor of the next page; null on the last page. A page that is not the last may be short, or "
        "even empty."
    )


def blueprint(application: Application) -> APIBlueprint:
    lookup, listing = application.submissions.lookup, application.submissions.listing
    v2 = APIBlueprint("v2_lists", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])

    @v2.get(
        "/submissions",
        summary="List submissions",
        operation_id="list_submissions",
        responses={"200": SubmissionList, **described(400, 503)},
    )
    def submission_list(query: ListQuery) -> Response:
        """Return one page of submissions, newest first; `Link: rel="next"` is the address of the next page.

        Filters combine. `metadata.<name>=<value>` matches submissions with that metadata. Submissions that arrive
        while you read pages never shift the pages that follow. A request examines some 2,000 submissions at most: if
        few of them match, the page is short, and `next` continues the search.
        """
        page = listing.page(query.filters(), query.cursor, query.limit)
        body = SubmissionList(items=[submission_resource(lookup, each) for each in page.items], next=page.next)
        response = Response(body.model_dump_json(), mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        if page.next:
            further = urlencode([*((k, v) for k, v in request.args.items() if k != "cursor"), ("cursor", page.next)])
            response.headers["Link"] = f'<{request.path}?{further}>; rel="next"'
        return response

    return v2
