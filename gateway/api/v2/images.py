"""The pictures of a submission: its input, what its steps made, and the mask drawn over the input."""

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
from gateway.images import overlay
from gateway.images.downloads import OVERLAY, download_name, has_overlay, shown_inline, stored_artifact
from gateway.submissions.export import Slots
from gateway.submissions.ports import Clock, ImageStore

LONGEST_CACHED = timedelta(days=365)
DRAWN_AT_ONCE = 1
"""A picture of 40 million pixels takes some 120 MB while it is made small."""

DRAWING_SECONDS = 20.0
BUSY = "Other overlays are being drawn. Ask again in a moment."


class ArtifactPath(SubmissionPath):
    name: str = Field(description="The artifact's name, as `mask.png`.")


class ArtifactItem(BaseModel):
    """A picture that can be had."""

    name: str = Field(description="Its name, which no other of this submission has.", examples=["overlay.png"])
    media_type: str = Field(description="What kind of file it is.", examples=["image/png"])
    bytes: int | None = Field(description="Null for what is drawn when it is asked for.")
    url: str = Field(description="Where to get it.")


class ArtifactList(BaseModel):
    """The pictures of a submission."""

    items: list[ArtifactItem] = Field(description="The pictures.")


class Pictures:
    """Reads pictures, and answers with one or a part of it, or with nothing when the client has it."""

    def __init__(self, store: ImageStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self, submission: Submission, name: str) -> StoredImage:
        picture = self._store.image(submission.id, name)
        if picture is None:
            raise StoreUnavailable(f"The picture {name} of {submission.id} is not stored.")
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
        response.make_conditional(request, accept_ranges=single, complete_length=len(data) if single else None)
        response.headers["Accept-Ranges"] = "bytes"
        return response


def blueprint(application: Application) -> APIBlueprint:
    lookup = application.submissions.lookup
    pictures = Pictures(application.submissions.images, lookup)
    v2 = APIBlueprint("v2_pictures", __name__, url_prefix=PREFIX, abp_tags=[SUBMISSIONS])
    drawing = Slots(DRAWN_AT_ONCE, BUSY, retry_after_seconds=2)
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")}
    responses = {
        "200": {"description": "The picture.", "content": content},
        "206": {"description": "The part of it that was asked for.", "content": content},
        "304": {"description": "You have it already."},
        **described(404, 410, 416, 503),
    }

    @v2.get(
        "/submissions/<submission_id>/input",
        summary="Get the submitted image",
        operation_id="get_input",
        responses=responses,
    )
    def input_image(path: SubmissionPath) -> Response:
        """The image as it was sent, byte for byte. Its ETag is its SHA-256."""
        submission = lookup.find(path.submission_id)
        picture = pictures.read(submission, INPUT_NAME)
        name = download_name(submission.input.file_name, submission.id, picture.media_type)
        return pictures.answer(submission, picture.data, picture.media_type, submission.input.sha256, name, fixed=True)

    @v2.get(
        "/submissions/<submission_id>/artifacts",
        summary="List a submission's pictures",
        operation_id="list_artifacts",
        responses={"200": ArtifactList, **described(404, 410, 503)},
    )
    def artifact_list(path: SubmissionPath) -> Response:
        """The pictures that its steps made so far, and `overlay.png` once there is a mask to draw."""
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
        if has_overlay(submission):
            url = submission_url(submission.id, "artifacts", OVERLAY)
            items.append(ArtifactItem(name=OVERLAY, media_type="image/png", bytes=None, url=url))
        return Response(ArtifactList(items=items).model_dump_json(), mimetype="application/json")

    @v2.get(
        "/submissions/<submission_id>/artifacts/<name>",
        summary="Get a picture",
        operation_id="get_artifact",
        responses=responses,
    )
    def artifact(path: ArtifactPath) -> Response:
        """A picture that a step made, by its name, or `overlay.png`: the mask's contour and fill over the FLAIR image.

        An overlay is drawn when it is asked for, in the mask's size.
        """
        submission = lookup.find(path.submission_id)
        fixed = submission.state is SubmissionState.SUCCEEDED  # before that, a step may run once more
        if path.name == OVERLAY and has_overlay(submission):
            mask = pictures.read(submission, overlay.MASK).data
            parts = (str(overlay.VERSION), submission.input.sha256, hashlib.sha256(mask).hexdigest())
            etag = hashlib.sha256(":".join(parts).encode()).hexdigest()
            if request.if_none_match.contains_weak(etag):
                return pictures.answer(
                    submission, b"", "image/png", etag, OVERLAY, fixed=fixed
                )  # a 304 needs no drawing
            with drawing.acquire(wait_seconds=DRAWING_SECONDS):
                drawn = overlay.draw(pictures.read(submission, INPUT_NAME).data, mask)
            return pictures.answer(submission, drawn, "image/png", etag, OVERLAY, fixed=fixed)
        named = stored_artifact(submission, path.name)
        if named is None:
            raise UnknownArtifact(
                f"This submission has no picture {path.name[:64]!r}. {submission_url(submission.id, 'artifacts')} "
                "lists those that it has."
            )
        picture = pictures.read(submission, named.name)
        etag = hashlib.sha256(picture.data).hexdigest()
        return pictures.answer(submission, picture.data, picture.media_type, etag, named.name, fixed=fixed)

    return v2
