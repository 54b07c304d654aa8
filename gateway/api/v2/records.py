"""The record of a submission: its outcome and the reasons for it."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint

from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.requests.paths import SUBMISSIONS, SubmissionPath
from gateway.api.resources.addresses import PREFIX
from gateway.submissions.record import Record, record


def blueprint(application: Application) -> APIBlueprint:
    lookup = application.submissions.lookup
    v2 = APIBlueprint("v2_records", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])

    @v2.get(
        "/submissions/<submission_id>/record",
        summary="Get the record of a submission",
        operation_id="get_record",
        responses={"200": Record, **described(404, 410, 503)},
    )
    def submission_record(path: SubmissionPath) -> Response:
        """Return what ran, with the latest attempts, their servers and times; what was skipped, with the gate that
        decided and the values that it read; the digest of the workflow; and the latest events.
        """
        response = Response(record(lookup.find(path.submission_id)).model_dump_json(), mimetype="application/json")
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    return v2
