"""Create a submission, and get one."""

from __future__ import annotations

from flask import Response, request
from flask_openapi3 import APIBlueprint

from contracts.submissions.documents import Submission
from gateway.api.application import Application
from gateway.api.openapi.schema import ETAG, LOCATION, RETRY_AFTER, headed, reference
from gateway.api.problems import described
from gateway.api.requests.parsing import JsonSubmission, MultipartSubmission, wait_seconds
from gateway.api.requests.paths import SUBMISSIONS, SubmissionPath
from gateway.api.requests.submit import SubmitHeaders, SubmitRequest
from gateway.api.requests.waiting import WaitHeaders, client_connected
from gateway.api.resources.addresses import PREFIX, submission_url
from gateway.api.resources.submissions import SubmissionResource
from gateway.api.responses import RETRY_AFTER_SECONDS, submission_response

SUBMIT_BODY = {
    "required": True,
    "content": {"multipart/form-data": reference(MultipartSubmission), "application/json": reference(JsonSubmission)},
}
APPLIED = {
    "description": "`wait=N`, if the request asked to wait and the gateway did.",
    "schema": {"type": "string"},
    "required": False,
}
REPLAYED = {
    "description": "`true`: an earlier request with this Idempotency-Key created the submission.",
    "schema": {"type": "string", "const": "true"},
    "required": False,
}


def blueprint(application: Application) -> APIBlueprint:
    v2 = APIBlueprint("v2_submissions", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    submissions, waiter = application.submissions, application.events.waiter
    submit_request = SubmitRequest(submissions.acceptance, submissions.idempotency, application.catalogue.workflows)

    def answer_after_wait(submission: Submission, unfinished: int) -> Response:
        """Wait as long as the request prefers, and return the submission, with the status ``unfinished`` if it is not
        final by then."""
        seconds = wait_seconds(request.headers.get("Prefer", ""))
        waited = None if seconds is None else waiter.wait(submission, seconds, client_connected())
        found = waited or submission
        response = submission_response(submissions.lookup, found, 200 if found.state.terminal else unfinished)
        if waited is not None:
            response.headers["Preference-Applied"] = f"wait={seconds}"
        return response

    @v2.post(
        "/submissions",
        summary="Submit an image to a workflow",
        operation_id="create_submission",
        responses={
            "200": headed(
                SubmissionResource,
                "The submission is final: the request asked to wait, and it ended in time.",
                Location=LOCATION,
                ETag=ETAG,
                Preference_Applied=APPLIED,
                Idempotency_Replayed=REPLAYED,
            ),
            "202": headed(
                SubmissionResource,
                "The submission is stored and queued.",
                Location=LOCATION,
                ETag=ETAG,
                Retry_After=RETRY_AFTER,
                Preference_Applied=APPLIED,
                Idempotency_Replayed=REPLAYED,
            ),
            **described(400, 403, 404, 408, 410, 413, 415, 422, 503),
        },
        openapi_extensions={"requestBody": SUBMIT_BODY},
    )
    def submit(header: SubmitHeaders) -> Response:
        """Store the image and queue the submission. The response comes once both are on disk, before the work is done.

        With `Prefer: wait=N` it comes when the submission is final (200), or after N seconds (202). With an
        `Idempotency-Key` you may send the same request again, for instance when no response arrived: you then get the
        existing submission, with the header `Idempotency-Replayed: true`.
        """
        accepted = submit_request.accept(header.idempotency_key)
        response = answer_after_wait(accepted.submission, 202)
        response.headers["Location"] = submission_url(accepted.submission.id)
        if accepted.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        if response.status_code == 202:
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    @v2.get(
        "/submissions/<submission_id>",
        summary="Get a submission",
        operation_id="get_submission",
        responses={
            "200": headed(SubmissionResource, "The submission in its current state.", Preference_Applied=APPLIED),
            "304": None,
            **described(404, 410, 412, 503),
        },
    )
    def show(path: SubmissionPath, header: WaitHeaders) -> Response:  # noqa: ARG001  # answer_after_wait reads it
        """Return the submission in its current state, with its result once it has one.

        With `Prefer: wait=N` the response comes when it is final, or after N seconds.
        """
        return answer_after_wait(submissions.lookup.find(path.submission_id), 200)

    return v2
