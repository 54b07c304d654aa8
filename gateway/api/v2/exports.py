"""Exports all matching submissions as one stream."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from flask import Response
from flask_openapi3 import APIBlueprint
from pydantic import Field

from contracts.submissions.documents import Submission
from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.requests.filters import FilterQuery
from gateway.api.requests.paths import SUBMISSIONS
from gateway.api.resources.addresses import PREFIX
from gateway.api.responses import submission_resource
from gateway.submissions.export import (
    BATCH,
    MAX_CONCURRENT_EXPORTS,
    Format,
    header,
    in_chunks,
    result_fields,
    row,
)
from gateway.submissions.slots import Slots

log = structlog.get_logger()

MEDIA_TYPES = {Format.NDJSON: "application/x-ndjson", Format.CSV: "text/csv; charset=utf-8; header=present"}
BUSY = f"{MAX_CONCURRENT_EXPORTS} exports are running, which is the limit. Try again when one has ended."


class ExportQuery(FilterQuery):
    format: Format = Field(default=Format.NDJSON, description="NDJSON has a full resource per line, CSV a row.")


def blueprint(application: Application) -> APIBlueprint:
    lookup, listing = application.submissions.lookup, application.submissions.listing
    catalogue = application.catalogue.workflows
    v2 = APIBlueprint("v2_exports", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    slots = Slots(MAX_CONCURRENT_EXPORTS, BUSY)

    @v2.get(
        "/export",
        summary="Export submissions",
        operation_id="export_submissions",
        responses={
            "200": {
                "description": "The submissions, newest first, as they are read.",
                "content": {media.split(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()},
            },
            **described(400, 503),
        },
    )
    def export(query: ExportQuery) -> Response:
        """All submissions that match the filters, newest first, streamed.

        If an error interrupts the export, the connection closes before the last chunk: such a response is incomplete.
        CSV has a column for each output of the published workflows (`result.label`); other fields of a result are JSON
        in `result.other`. In CSV, a text that a spreadsheet would treat as a formula gets an apostrophe in front.
        """
        filters = query.filters()
        slot = slots.acquire()
        found = listing.all(filters, BATCH)
        lines = _csv(found, result_fields(catalogue, query.workflow)) if query.format is Format.CSV else _ndjson(found)
        response = Response(in_chunks(lines), mimetype=MEDIA_TYPES[query.format].split(";")[0])
        response.call_on_close(slot.release)  # at its end, and when the client disconnects
        response.headers["Content-Type"] = MEDIA_TYPES[query.format]
        response.headers["Content-Disposition"] = f'attachment; filename="submissions.{query.format}"'
        response.headers["Cache-Control"] = "no-store"
        return response

    def _ndjson(found: Iterator[Submission]) -> Iterator[str]:
        for submission in found:
            yield submission_resource(lookup, submission).model_dump_json() + "\n"

    return v2


def _csv(found: Iterator[Submission], fields: list[str]) -> Iterator[str]:
    yield header(fields)
    for submission in found:
        yield row(submission, fields)
