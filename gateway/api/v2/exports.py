"""Exports all matching submissions as one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog
from flask import Response
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field

from contracts.errors import ShowcaseError, StoreUnavailable, problem_of
from contracts.submissions.documents import Submission
from gateway.api.application import Application
from gateway.api.problems import described, problem_value, requested_address
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
        In NDJSON the error is a line of its own, a problem (RFC 9457) as `application/problem+json` has it; so is a
        submission that cannot be shown, after which the export goes on. A problem has a `code`, a submission has none.
        CSV has a column for each output of the published workflows (`result.label`); other fields of a result are JSON
        in `result.other`. In CSV, a text that a spreadsheet would treat as a formula gets an apostrophe in front.
        """
        filters = query.filters()
        slot = slots.acquire()
        found = listing.all(filters, BATCH)
        if query.format is Format.CSV:
            lines = _csv(found, result_fields(catalogue, query.workflow))
        else:
            lines = ndjson(found, lambda each: submission_resource(lookup, each), requested_address())
        response = Response(in_chunks(lines), mimetype=MEDIA_TYPES[query.format].split(";")[0])
        response.call_on_close(slot.release)  # at its end, and when the client disconnects
        response.headers["Content-Type"] = MEDIA_TYPES[query.format]
        response.headers["Content-Disposition"] = f'attachment; filename="submissions.{query.format}"'
        response.headers["Cache-Control"] = "no-store"
        return response

    return v2


def ndjson(found: Iterator[Submission], shown: Callable[[Submission], BaseModel], address: str) -> Iterator[str]:
    """Yield a line for each submission, and one for each error, as a problem of the request at ``address``.

    An error of ``found`` ends the export, and is raised after its line.
    """
    try:
        for submission in found:
            yield _line(submission, shown, address)
    except ShowcaseError as error:
        detail = error.public or error.message
        yield problem_value(problem_of(type(error)), detail, address).model_dump_json() + "\n"
        raise
    except Exception:
        yield problem_value(ShowcaseError, ShowcaseError.example, address).model_dump_json() + "\n"
        raise


def _line(submission: Submission, shown: Callable[[Submission], BaseModel], address: str) -> str:
    try:
        return shown(submission).model_dump_json() + "\n"
    except StoreUnavailable:
        raise
    except Exception:
        log.exception("submission not exported", submission_id=submission.id)
        detail = f"The submission {submission.id} cannot be shown. The other submissions follow."
        return problem_value(ShowcaseError, detail, address).model_dump_json() + "\n"


def _csv(found: Iterator[Submission], fields: list[str]) -> Iterator[str]:
    yield header(fields)
    for submission in found:
        yield row(submission, fields)
