"""List submissions, newest first, page by page."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from flask import Response, request
from flask_openapi3 import APIBlueprint
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from contracts.errors import InvalidRequest
from contracts.storage import secantus
from contracts.submissions.states import SubmissionState
from gateway.api.problems import described
from gateway.api.v2 import PREFIX
from gateway.api.requests.parsing import METADATA_KEYS, MetadataKey, MetadataValue, checked
from gateway.api.resources.submissions import SubmissionResource
from gateway.api.resources.lookup import SUBMISSIONS, Submissions
from gateway.submissions.listing import Filters, Source, read_cursor, read_page
from gateway.submissions.ports import Store

DEFAULT_LIMIT = 50
MOST = 200
METADATA = "metadata."

# RFC 3339, section 5.6. Where a "+" was not escaped, a blank came.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)")


def _time(value: object) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("Write a time as RFC 3339 does, with its zone: 2026-03-01T12:00:00Z")
    return value[:10] + "T" + value[11:].replace(" ", "+")


def _number(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("Write a whole number")
    return value


def _sane(value: datetime) -> datetime:
    try:
        value.timestamp()
    except (OverflowError, ValueError) as error:
        raise ValueError("This time is out of range") from error
    return value


Time = Annotated[datetime, BeforeValidator(_time), AfterValidator(_sane)]


class FilterQuery(BaseModel):
    """What is listed. ``metadata.<name>`` is a filter too, which a model of fixed names cannot say."""

    state: SubmissionState | None = Field(default=None, description="Only those in this state.")
    workflow: str | None = Field(
        default=None, min_length=1, max_length=64, description="Only those of this workflow, in any version."
    )
    created_after: Time | None = Field(default=None, description="Only those created at this time or later.")
    created_before: Time | None = Field(default=None, description="Only those created before this time.")

    def filters(self) -> Filters:
        """Return the filters of the request at hand. Raises InvalidRequest for one that there is not."""
        metadata: dict[str, Any] = {}
        for name, value in request.args.items():
            if name.startswith(METADATA):
                metadata[name.removeprefix(METADATA)] = value
            elif name not in type(self).model_fields:
                known = ", ".join([*type(self).model_fields, "metadata.<name>"])
                raise InvalidRequest(f"There is no parameter {name[:64]!r} here. There are: {known}.")
        return Filters(
            state=self.state,
            workflow=self.workflow,
            created_after=self.created_after,
            created_before=self.created_before,
            metadata=checked(_Metadata, {"metadata": metadata}).metadata,
        )


class _Metadata(BaseModel):
    metadata: dict[MetadataKey, MetadataValue] = Field(max_length=METADATA_KEYS)


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


def blueprint(submissions: Submissions, source: Source, store: Store) -> APIBlueprint:
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
        filters = query.filters()
        place = read_cursor(query.cursor) if query.cursor is not None else None
        page = read_page(source, filters, place, query.limit, store.now(), secantus.SAMPLE_OF)
        cursor = page.next and page.next.cursor()
        body = SubmissionList(items=[submissions.resource(each) for each in page.items], next=cursor)
        response = Response(body.model_dump_json(), mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        if cursor:
            further = urlencode([*((k, v) for k, v in request.args.items() if k != "cursor"), ("cursor", cursor)])
            response.headers["Link"] = f'<{request.path}?{further}>; rel="next"'
        return response

    return v2
