"""Cancel, retry and delete submissions."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint

from gateway.api.application import Application
from gateway.api.openapi.schema import ETAG, LOCATION, RETRY_AFTER, headed
from gateway.api.problems import described
from gateway.api.requests.paths import SUBMISSIONS, SubmissionPath
from gateway.api.resources.addresses import PREFIX, submission_url
from gateway.api.resources.submissions import SubmissionResource
from gateway.api.responses import RETRY_AFTER_SECONDS, require_match, submission_response


def blueprint(application: Application) -> APIBlueprint:
    lookup, lifecycle = application.submissions.lookup, application.submissions.lifecycle
    v2 = APIBlueprint("v2_lifecycle", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])

    @v2.post(
        "/submissions/<submission_id>/cancel",
        summary="Cancel a submission",
        operation_id="cancel_submission",
        responses={
            "200": headed(SubmissionResource, "It is canceled.", ETag=ETAG),
            **described(404, 409, 410, 412, 503),
        },
    )
    def cancel(path: SubmissionPath) -> Response:
        """Cancel a queued or running submission. Model answers that arrive later are discarded.

        Canceling a canceled submission changes nothing.
        """
        return submission_response(lookup, lifecycle.cancel(require_match(lookup, lookup.find(path.submission_id))))

    @v2.post(
        "/submissions/<submission_id>/retry",
        summary="Retry a submission",
        operation_id="retry_submission",
        responses={
            "202": headed(
                SubmissionResource, "It is queued again.", Location=LOCATION, ETag=ETAG, Retry_After=RETRY_AFTER
            ),
            **described(404, 409, 410, 412, 503),
        },
    )
    def retry(path: SubmissionPath) -> Response:
        """Queue a failed or canceled submission again. Steps that succeeded or were skipped do not run again."""
        submission = lifecycle.retry(require_match(lookup, lookup.find(path.submission_id)))
        response = submission_response(lookup, submission, 202)
        response.headers["Location"] = submission_url(submission.id)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    @v2.delete(
        "/submissions/<submission_id>",
        summary="Delete a submission",
        operation_id="delete_submission",
        responses={"204": None, **described(404, 409, 410, 412, 503)},
    )
    def delete(path: SubmissionPath) -> Response:
        """Delete a submission with its images, in any state. One that has not ended is canceled first."""
        lifecycle.delete(require_match(lookup, lookup.find(path.submission_id)))
        return Response(status=204)

    return v2
