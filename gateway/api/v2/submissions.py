"""Submit, and look at one submission."""

from __future__ import annotations

import hashlib

from flask import Response, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field
from werkzeug.exceptions import UnsupportedMediaType

from contracts.catalogue import Catalogue
from contracts.documents import Submission, is_submission_id
from contracts.errors import InvalidRequest, UnknownSubmission
from gateway.acceptance import Acceptance
from gateway.api.problems import described
from gateway.api.v2 import PREFIX
from gateway.api.v2.parsing import JsonSubmission, MultipartSubmission, SubmissionFields, checked, form_fields
from gateway.api.v2.resources import SubmissionResource, address, resource
from gateway.ports import Doorbell, Store

RETRY_AFTER_SECONDS = 1
SUBMISSIONS = Tag(name="Submissions", description="Send images in, and follow them to their results.")

SUBMIT_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": MultipartSubmission.model_json_schema()},
        "application/json": {"schema": JsonSubmission.model_json_schema()},
    },
}


class SubmissionPath(BaseModel):
    submission_id: str = Field(description="The submission's id.")


class Submissions:
    """What the endpoints of a submission share: find it, and show it."""

    def __init__(self, store: Store, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    def find(self, submission_id: str) -> Submission:
        """Raises UnknownSubmission and StoreUnavailable."""
        found = self._store.fetch(submission_id.lower()) if is_submission_id(submission_id) else None
        if found is None:
            raise UnknownSubmission(f"There is no submission {submission_id[:64]!r}. Ids are what submitting answered.")
        return found

    def resource(self, submission: Submission) -> SubmissionResource:
        return resource(submission, self._doorbell.backlog(submission.workflow.name), self._store.now())

    def answer(self, submission: Submission, status: int = 200) -> Response:
        """Return the resource with its ETag; 304 when the client has it."""
        body = self.resource(submission).model_dump_json()
        response = Response(body, status=status, mimetype="application/json")
        response.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
        response.headers["Cache-Control"] = "private, no-cache"
        if request.method in {"GET", "HEAD"}:
            response.make_conditional(request)
        return response


def blueprint(submissions: Submissions, acceptance: Acceptance, catalogue: Catalogue) -> APIBlueprint:
    v2 = APIBlueprint("v2_submissions", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])

    @v2.post(
        "/submissions",
        summary="Submit an image to a workflow",
        responses={"202": SubmissionResource, **described(400, 404, 408, 413, 415, 503)},
        openapi_extensions={"requestBody": SUBMIT_BODY},
    )
    def submit() -> Response:
        """Store the image and queue it. The answer comes when both are on disk; the work goes on after it."""
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
        submission = acceptance.take(workflow, read, file_name, metadata=fields.metadata, retention=fields.retention)
        response = submissions.answer(submission, 202)
        response.headers["Location"] = address(submission.id)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    @v2.get(
        "/submissions/<submission_id>",
        summary="Look at a submission",
        responses={"200": SubmissionResource, "304": None, **described(404, 410, 503)},
    )
    def show(path: SubmissionPath) -> Response:
        """Return the submission as it stands, with its result once it has one."""
        return submissions.answer(submissions.find(path.submission_id))

    return v2
