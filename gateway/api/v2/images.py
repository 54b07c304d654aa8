"""The images of a submission: its input, those that its steps made, and the mask drawn over the input."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta

from flask import Response, request, send_file
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field

from contracts.errors import StoreUnavailable, UnknownArtifact
from contracts.submissions.documents import INPUT_NAME, Submission
from contracts.submissions.images import StoredImage
from contracts.submissions.states import SubmissionState
from gateway.api.application import Application
from gateway.api.problems import described
from gateway.api.requests.paths import SUBMISSIONS, SubmissionPath
from gateway.api.requests.ranges import part_wanted
from gateway.api.resources.addresses import PREFIX, submission_url
from gateway.api.responses import conditional
from gateway.images import overlay
from gateway.images.downloads import OVERLAY, download_name, find_overlay, shown_inline, stored_artifact
from gateway.submissions.ports import Clock, ImageStore
from gateway.submissions.slots import Slots

LONGEST_CACHED = timedelta(days=365)
DRAWN_AT_ONCE = 1
"""A picture of 40 million pixels takes some 120 MB while it is made small."""

DRAWING_SECONDS = 20.0
BUSY = "Other overlays are being drawn. Ask again in a moment."


class ArtifactPath(SubmissionPath):
    name: str = Field(description="The artifact's name, as `mask.png`.")


class ArtifactItem(BaseModel):
    """An image of the submission."""

    name: str = Field(description="Its name, unique within the submission.", examples=["overlay.png"])
    media_type: str = Field(description="Its media type.", examples=["image/png"])
    bytes: int | None = Field(description="The file's length; null for an image that is drawn on request.")
    url: str = Field(description="Address of the file.")


class ArtifactList(BaseModel):
    """The images of a submission."""

    items: list[ArtifactItem] = Field(description="The images.")


class Pictures:
    """Reads images, and returns one, a range of it, or 304 when the client's copy is current."""

    def __init__(self, store: ImageStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self, submission: Submission, name: str) -> StoredImage:
        picture = self._store.image(submission.id, name)
        if picture is None:
            raise StoreUnavailable(f"The image {name} of {submission.id} is not stored.")
        return picture

    def answer(
        self, submission: Submission, data: bytes, media_type: str, etag: str, name: str, *, fixed: bool
    ) -> Response:
        response = send_file(
            io.BytesIO(data),
            mimetype=media_type,
            as_attachment=not shown_inline(media_type),
            download_name=name,
            conditional=False,
            etag=etag,
        )
        response.headers["Cache-Control"] = "private, no-cache"
        if fixed:
            left = LONGEST_CACHED
            if submission.expires_at is not None:
                left = min(left, submission.expires_at - self._clock.now())
            response.headers["Cache-Control"] = f"private, max-age={max(0, int(left.total_seconds()))}, immutable"
        single = request.method == "GET" and part_wanted(request.headers, etag)
        response = conditional(response, len(data) if single else None)
        response.headers["Accept-Ranges"] = "bytes"
        return response


def blueprint(application: Application) -> APIBlueprint:
    lookup = application.submissions.lookup
    pictures = Pictures(application.submissions.images, lookup)
    declared = application.catalogue.models.overlay
    v2 = APIBlueprint("v2_pictures", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    drawing = Slots(DRAWN_AT_ONCE, BUSY, retry_after_seconds=2)
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")}
    responses = {
        "200": {"description": "The image.", "content": content},
        "206": {"description": "The requested range of the image.", "content": content},
        "304": {"description": "Your copy is current."},
        **described(404, 410, 412, 416, 503),
    }

    @v2.get(
        "/submissions/<submission_id>/input",
        summary="Get the submitted image",
        operation_id="get_input",
        responses=responses,
    )
    def input_image(path: SubmissionPath) -> Response:
        """Return the image as it was sent, byte for byte. Its ETag is its SHA-256."""
        submission = lookup.find(path.submission_id)
        picture = pictures.read(submission, INPUT_NAME)
        name = download_name(submission.input.file_name, submission.id, picture.media_type)
        return pictures.answer(submission, picture.data, picture.media_type, submission.input.sha256, name, fixed=True)

    @v2.get(
        "/submissions/<submission_id>/artifacts",
        summary="List a submission's images",
        operation_id="list_artifacts",
        responses={"200": ArtifactList, **described(404, 410, 503)},
    )
    def artifact_list(path: SubmissionPath) -> Response:
        """Return the images that its steps have made so far, and `overlay.png` once there is a mask to draw."""
        submission = lookup.find(path.submission_id)
        items = [
            ArtifactItem(
                name=each.name,
                media_type=each.media_type,
                bytes=each.bytes,
                url=submission_url(submission.id, "artifacts", each.name),
            )
            for each in submission.artifacts
        ]
        if find_overlay(submission, declared):
            url = submission_url(submission.id, "artifacts", OVERLAY)
            items.append(ArtifactItem(name=OVERLAY, media_type="image/png", bytes=None, url=url))
        return Response(ArtifactList(items=items).model_dump_json(), mimetype="application/json")

    @v2.get(
        "/submissions/<submission_id>/artifacts/<name>",
        summary="Get an image",
        operation_id="get_artifact",
        responses=responses,
    )
    def artifact(path: ArtifactPath) -> Response:
        """A picture that a step made, by its name, or `overlay.png`: the mask's contour and fill over the image.

        An overlay is drawn when it is asked for, in the mask's size and as the model that made the mask declares.
        """
        submission = lookup.find(path.submission_id)
        fixed = submission.state is SubmissionState.SUCCEEDED  # before that, a step may run once more
        if path.name == OVERLAY and (found := find_overlay(submission, declared)):
            mask = pictures.read(submission, found.mask).data
            etag = found.etag(submission.input.sha256, mask)
            if request.if_none_match.contains_weak(etag):
                return pictures.answer(
                    submission, b"", "image/png", etag, OVERLAY, fixed=fixed
                )  # a 304 needs no drawing
            with drawing.acquire(wait_seconds=DRAWING_SECONDS):
                drawn = overlay.draw(pictures.read(submission, INPUT_NAME).data, mask, found)
            return pictures.answer(submission, drawn, "image/png", etag, OVERLAY, fixed=fixed)
        named = stored_artifact(submission, path.name)
        if named is None:
            raise UnknownArtifact(
                f"This submission has no image {path.name[:64]!r}. {submission_url(submission.id, 'artifacts')} "
                "lists those that it has."
            )
        picture = pictures.read(submission, named.name)
        etag = hashlib.sha256(picture.data).hexdigest()
        return pictures.answer(submission, picture.data, picture.media_type, etag, named.name, fixed=fixed)

    return v2
