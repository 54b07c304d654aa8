"""Submit, and look at one submission."""

from __future__ import annotations

from flask import Response, request
from flask_openapi3 import APIBlueprint
from werkzeug.exceptions import UnsupportedMediaType

from contracts.catalogue import Catalogue
from contracts.documents import Submission
from contracts.errors import InvalidRequest
from gateway.acceptance import Acceptance
from gateway.api.problems import described
from gateway.api.v2 import PREFIX
from gateway.api.v2.describing import ETAG, RETRY_AFTER, headed, reference
from gateway.api.v2.lookup import SUBMISSIONS, SubmissionPath, Submissions
from gateway.api.v2.parsing import JsonSubmission, MultipartSubmission, SubmissionFields, checked, form_fields
from gateway.api.v2.resources import SubmissionResource, address
from gateway.api.v2.watching import WaitHeaders, Waiting

RETRY_AFTER_SECONDS = 1

SUBMIT_BODY = {
    "required": True,
    "content": {"multipart/form-data": reference(MultipartSubmission), "application/json": reference(JsonSubmission)},
}
APPLIED = {
    "description": "`wait=N`, where the request preferred to wait and could.",
    "schema": {"type": "string"},
    "required": False,
}
LOCATION = {"description": "The submission's address.", "schema": {"type": "string"}, "required": True}


def blueprint(submissions: Submissions, acceptance: Acceptance, catalogue: Catalogue, waiting: Waiting) -> APIBlueprint:
    v2 = APIBlueprint("v2_submissions", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])

    def accept() -> Submission:
        if request.mimetype == "application/json":
            fields: SubmissionFields = checked(JsonSubmission, request.get_json())
            assert isinstance(fields, JsonSubmission)
            read, file_name = fields.decoded, fields.file_name
        elif request.mimetype != "multipart/form-data":
            raise UnsupportedMediaType
        else:
            upload = request.files.get("image")
            if upload is None:
                raise InvalidRequest("There is no image. Send it as the part 'image' of a multipart/form-data request.")
            fields = form_fields(request.form.to_dict())
            read, file_name = upload.stream.read, upload.filename or "image"
        workflow = catalogue.find(fields.workflow, fields.version)
        return acceptance.take(
            workflow,
            read,
            file_name,
            metadata=fields.metadata,
            retention=fields.retention,
            webhook=fields.webhook,
        )

    def answer_after_wait(submission: Submission, unfinished: int) -> Response:
        submission, seconds = waiting.wait(submission)
        response = submissions.answer(submission, 200 if submission.state.terminal else unfinished)
        if seconds is not None:
            response.headers["Preference-Applied"] = f"wait={seconds}"
        return response

    @v2.post(
        "/submissions",
        summary="Submit an image to a workflow",
        operation_id="create_submission",
        responses={
            "200": headed(
                SubmissionResource,
                "It is final: the request preferred to wait, and it ended in time.",
                Location=LOCATION,
                ETag=ETAG,
                Preference_Applied=APPLIED,
            ),
            "202": headed(
                SubmissionResource,
                "It is stored, and worked on from now on.",
                Location=LOCATION,
                ETag=ETAG,
                Retry_After=RETRY_AFTER,
                Preference_Applied=APPLIED,
            ),
            **described(400, 403, 404, 408, 413, 415, 503),
        },
        openapi_extensions={"requestBody": SUBMIT_BODY},
    )
    def submit(header: WaitHeaders) -> Response:  # noqa: ARG001  # described here, read where the wait is
        """Store the image and queue it. The answer comes when both are on disk; the work goes on after it.

        With `Prefer: wait=N` it comes when the submission is final (200), or after N seconds as it then stands (202).
        """
        left = waiting.resumed()
        submission = submissions.find(left.submission_id) if left else accept()
        response = answer_after_wait(submission, 202)
        response.headers["Location"] = address(submission.id)
        if response.status_code == 202:
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    @v2.get(
        "/submissions/<submission_id>",
        summary="Look at a submission",
        operation_id="get_submission",
        responses={
            "200": headed(SubmissionResource, "The submission as it stands.", Preference_Applied=APPLIED),
            "304": None,
            **described(404, 410, 503),
        },
    )
    def show(path: SubmissionPath, header: WaitHeaders) -> Response:  # noqa: ARG001  # as above
        """Return the submission as it stands, with its result once it has one.

        With `Prefer: wait=N` the answer comes when it is final, or after N seconds.
        """
        return answer_after_wait(submissions.find(path.submission_id), 200)

    return v2
