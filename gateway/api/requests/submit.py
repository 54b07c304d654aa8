"""How a request becomes a stored submission: its body read, its idempotency key kept."""

from __future__ import annotations

from dataclasses import replace

from flask import request
from pydantic import Field, field_validator
from werkzeug.exceptions import UnsupportedMediaType

from contracts.errors import InvalidRequest
from contracts.submissions.documents import Submission
from contracts.workflows.catalogue import Catalogue
from contracts.workflows.definition import Workflow
from gateway.api.requests.json_body import read_json
from gateway.api.requests.multipart import read_form
from gateway.api.requests.parsing import JsonSubmission, SubmissionFields, checked, form_fields
from gateway.api.requests.waiting import WaitHeaders
from gateway.api.requests.whole_body import whole_body
from gateway.submissions.accept import Acceptance, Upload
from gateway.submissions.idempotency import KEY_PATTERN, Accepted, Idempotency, checked_key, fingerprint_of
from gateway.submissions.slots import Slots

IMAGE = "image"
FIELDS = tuple(SubmissionFields.model_fields)

PARSED_AT_ONCE = 1
"""The largest image as base64 in JSON takes some 50 MB while it is parsed."""

PARSING_SECONDS = 20.0
PARSING_BUSY = "This gateway is reading other images. Send yours again in a moment."


class SubmitHeaders(WaitHeaders):
    idempotency_key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        description="Any text of yours, such as a random UUID. The same request with the same key within 24 hours is "
        "answered with the submission that the first one made.",
        json_schema_extra={"pattern": KEY_PATTERN},
    )

    @field_validator("idempotency_key")
    @classmethod
    def _check_key(cls, value: str | None) -> str | None:
        return None if value is None else checked_key(value)


class SubmitRequest:
    def __init__(self, acceptance: Acceptance, idempotency: Idempotency, catalogue: Catalogue) -> None:
        self._acceptance = acceptance
        self._idempotency = idempotency
        self._catalogue = catalogue
        self._parsing = Slots(PARSED_AT_ONCE, PARSING_BUSY, retry_after_seconds=2)

    def accept(self, key: str | None) -> Accepted:
        """Store what the request holds; with a key that came before, return what is stored already.

        Raises InvalidRequest, and as acceptance and idempotency do.
        """
        fields, upload = _read(self._parsing)

        def choose(submission_id: str) -> Workflow:
            return self._catalogue.choose(fields.workflow, fields.version, submission_id)

        if key is None:
            return Accepted(self._acceptance.accept(choose, upload), replayed=False)
        image = upload.read()
        again = replace(upload, read=lambda: image)

        def prepare(submission_id: str) -> tuple[Submission, bytes]:
            return self._acceptance.prepare(choose, again, submission_id)

        fingerprint = fingerprint_of(image, fields.model_dump(include=set(SubmissionFields.model_fields)))
        return self._idempotency.accept(key, fingerprint, prepare)


def _read(parsing: Slots) -> tuple[SubmissionFields, Upload]:
    """Read the body. Raises InvalidRequest and UnsupportedMediaType."""
    for name in request.args:
        if name in FIELDS or name in JsonSubmission.model_fields:
            raise InvalidRequest(f"The field '{name}' is in the address, where it is not read. Send it in the body.")
    if request.mimetype == "application/json":
        example = """an object, as {"workflow": "workflow_000", "image": "<base64>"}"""
        with whole_body(request.stream) as content, parsing.acquire(wait_seconds=PARSING_SECONDS):
            body = checked(JsonSubmission, read_json(content.read(), "The body", example))
        size = len(body.image) * 3 // 4  # base64
        return body, Upload(body.decoded, body.file_name, body.metadata, body.retention, body.webhook, size)
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType
    form = read_form(request, IMAGE, FIELDS)
    image = form.file(IMAGE)
    with form:
        fields = form_fields(form.texts(without=IMAGE))
        if image is None:
            raise InvalidRequest("There is no image. Send it as the part 'image' of a multipart/form-data request.")
        data = image.read()
    name = image.file_name or IMAGE
    return fields, Upload(lambda: data, name, fields.metadata, fields.retention, fields.webhook, len(data))
