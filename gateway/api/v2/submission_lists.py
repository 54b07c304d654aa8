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
MOST = 200


def _number(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("Write a whole number")
    return value


class ListQuery(FilterQuery):
    cursor: str | None = Field(
        default=None,
        max_length=256,
        description="Where to go on: the `next` of the page before, as it is.",
        json_schema_extra={"format": "cursor"},
    )
    limit: Annotated[int, BeforeValidator(_number)] = Field(
        default=DEFAULT_LIMIT, ge=1, le=MOST, description="How many a page holds at most."
    )


class SubmissionList(BaseModel):
    """One page, newest first."""

    items: list[SubmissionResource] = Field(description="The submissions.")
    next: str | None = Field(
        description="The cursor of the next page. A page may be short, even empty, and yet not the last: only null "
        "says that there is nothing more."
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
        """Submissions, the newest first, a page at a time; `Link: rel="next"` leads to the next.

        Filters combine. `metadata.<name>=<value>` lists those that were sent with that text. What is added while you
        page never moves what you have not seen yet. A request looks at some 2,000 submissions at most: where few match,
        its page is short, and its `next` goes on.
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
