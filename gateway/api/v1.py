"""API v1, frozen: its addresses, bodies and sentences never change."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from contracts.errors import StoreUnavailable, UnknownSubmission, UnknownWorkflow
from contracts.submissions.documents import is_submission_id
from gateway.api.application import Application
from gateway.api.errors import failure
from gateway.api.requests.multipart import Part, UnreadableForm, read_form
from gateway.images.validation import has_image_extension
from gateway.submissions.accept import Upload
from gateway.submissions.results import artifacts_in, v1_result
from gateway.submissions.retention import expired


def blueprint(application: Application) -> Blueprint:
    submissions, catalogue = application.submissions, application.catalogue.workflows
    lookup = submissions.lookup
    v1 = Blueprint("v1", __name__, url_prefix="/api/v1")

    @v1.post("/submit_image", strict_slashes=False)
    def submit_image() -> Response:
        image, data, name = _read_form()
        if image is None or not image.file_name:
            return failure("Image was not submitted.", 400)
        if not has_image_extension(image.file_name):
            return failure("File should have '.png', '.jpg', or '.jpeg' as extension.", 400)
        if not name:
            return failure("Request should include 'workflow_name'.", 400)
        try:
            catalogue.entry(name)
        except UnknownWorkflow:
            return failure("Incorrect 'workflow_name' included in the request.", 404)
        upload = Upload(lambda: data, image.file_name, bytes=len(data))
        submission = submissions.acceptance.accept(lambda key: catalogue.choose(name, None, key), upload)
        return jsonify(
            {
                "file_type": submission.input.media_type,
                "message": "File submitted.",
                "status": "Success",
                "submission_id": submission.id,
            }
        )

    @v1.get("/fetch_result/<submission_id>", strict_slashes=False)
    def fetch_result(submission_id: str) -> Response:
        submission = lookup.reread(submission_id.lower()) if is_submission_id(submission_id) else None
        if submission is None or expired(submission, lookup.now()):
            raise UnknownSubmission("Invalid submission_id.")
        images: dict[str, bytes] = {}
        for name in artifacts_in(submission.result):
            image = submissions.images.image(submission.id, name)
            if image is None:
                raise StoreUnavailable(f"The artifact {name} of {submission.id} is not stored.")
            images[name] = image.data
        response = jsonify(v1_result(submission, images))
        response.status_code = 200 if submission.state.terminal else 202
        response.headers["Cache-Control"] = "no-store"
        return response

    return v1


def _read_form() -> tuple[Part | None, bytes, str]:
    """Return the image, its bytes and the workflow's name. A body that is no form has none of them.

    Raises InvalidRequest for what came twice. Parts of other names are skipped, as they always were here.
    """
    try:
        if request.mimetype != "multipart/form-data":
            return None, b"", ""
        form = read_form(request, "image", ["workflow_name"], strict=False)
    except UnreadableForm:
        return None, b"", ""
    with form:
        image = form.file("image")
        name = form.texts(without="image").get("workflow_name", "").strip()
        return image, image.read() if image else b"", name
