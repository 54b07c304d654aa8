"""API v1, frozen: its addresses, bodies and sentences never change."""

from __future__ import annotations

import uuid
from datetime import timedelta

from flask import Blueprint, Response, jsonify, request

from contracts.catalogue import Catalogue
from contracts.documents import Submission
from contracts.errors import StoreUnavailable, UnknownSubmission, UnknownWorkflow
from contracts.messages import Job
from contracts.states import SubmissionState
from gateway.api.errors import failure
from gateway.backpressure import Intake
from gateway.ports import Doorbell, Store
from gateway.uploads import Limits, examine, has_image_extension
from gateway.views import artifacts_in, v1_result

UNRUNG_DUE_SECONDS = 5
"""A submission that nobody could ring for is looked at by the sweep after so many seconds."""


def blueprint(
    store: Store,
    doorbell: Doorbell,
    catalogue: Catalogue,
    intake: Intake,
    limits: Limits,
    retention: timedelta | None,
) -> Blueprint:
    v1 = Blueprint("v1", __name__, url_prefix="/api/v1")

    @v1.post("/submit_image", strict_slashes=False)
    def submit_image() -> Response:
        upload = request.files.get("image")
        if upload is None or not upload.filename:
            return failure("Image was not submitted.", 400)
        if not has_image_extension(upload.filename):
            return failure("File should have '.png', '.jpg', or '.jpeg' as extension.", 400)
        name = request.form.get("workflow_name", "").strip()
        if not name:
            return failure("Request should include 'workflow_name'.", 400)
        try:
            workflow = catalogue.stable(name)
        except UnknownWorkflow:
            return failure("Incorrect 'workflow_name' included in the request.", 404)
        intake.check(workflow.name)  # before the image is looked at: who is overloaded has no time for that
        data = upload.stream.read()
        info = examine(data, upload.filename, limits, workflow.formats)
        now = store.now()
        submission = Submission(
            id=str(uuid.uuid4()),
            workflow=workflow.ref,
            state=SubmissionState.QUEUED,
            input=info,
            steps=workflow.fresh_steps(),
            created_at=now,
            due_at=now + timedelta(seconds=UNRUNG_DUE_SECONDS),
            expires_at=now + retention if retention else None,
        )
        store.accept(submission, data)
        doorbell.ring(Job(submission.id, workflow.name, workflow.version))
        return jsonify(
            {
                "file_type": info.media_type,
                "message": "File submitted.",
                "status": "Success",
                "submission_id": submission.id,
            }
        )

    @v1.get("/fetch_result/<submission_id>", strict_slashes=False)
    def fetch_result(submission_id: str) -> Response:
        submission = store.fetch(submission_id.lower()) if _is_uuid(submission_id) else None
        if submission is None:
            raise UnknownSubmission("Invalid submission_id.")
        pictures: dict[str, bytes] = {}
        for name in artifacts_in(submission.result):
            picture = store.picture(submission.id, name)
            if picture is None:
                raise StoreUnavailable(f"The artifact {name} of {submission.id} is not stored.")
            pictures[name] = picture.data
        response = jsonify(v1_result(submission, pictures))
        response.status_code = 200 if submission.state.terminal else 202
        response.headers["Cache-Control"] = "no-store"
        return response

    return v1


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
