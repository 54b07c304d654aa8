"""From requests to values: headers and fields of v2, each with a sentence for what is wrong. Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.errors import InvalidRequest
from contracts.webhooks.targets import LONGEST_URL
from gateway.api.requests.json_body import read_json

MAX_WAIT_SECONDS = 60
METADATA_KEYS = 16
_WAIT = re.compile(r"(?:^|[,;]\s*)wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)
_SPACE = re.compile(rb"[ \t\r\n]+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

METADATA_EXAMPLE = """an object of texts, as {"patient": "17"}"""

Model = TypeVar("Model", bound=BaseModel)

MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
WebhookUrl = Annotated[str, StringConstraints(max_length=LONGEST_URL), Field(json_schema_extra={"format": "uri"})]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


def _plain_names(schema: dict[str, Any]) -> None:
    """Say the same of names and values in the keywords that generators of clients know: they skip patternProperties."""
    ((pattern, value),) = schema.pop("patternProperties").items()
    schema |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}


class SubmissionFields(BaseModel):
    """What a submission is made of besides its image."""

    model_config = ConfigDict(extra="forbid")

    workflow: str = Field(min_length=1, max_length=64, description="The workflow's name.", examples=["workflow_001"])
    version: str | None = Field(
        default=None,
        max_length=64,
        description="Its version (v1.0.0) or an alias; the default is stable.",
        examples=["stable"],
    )
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict,
        max_length=METADATA_KEYS,
        description="Up to 16 texts of your own, by names of letters, digits, _ and -; lists can be filtered by them.",
        examples=[{"patient": "17"}],
        json_schema_extra=_plain_names,
    )
    webhook: WebhookUrl | None = Field(
        default=None, description="Where to send word of its end: an http or https URL that leads to a public address."
    )
    retention_days: float | None = Field(
        default=None, gt=0, le=36_500, description="Days to keep it, if not as long as usual.", examples=[7]
    )

    @property
    def retention(self) -> timedelta | None:
        return timedelta(days=self.retention_days) if self.retention_days is not None else None


class JsonSubmission(SubmissionFields):
    """A submission as one JSON object, its image in base64."""

    image: str = Field(
        min_length=1,
        description="The PNG or JPEG file in base64 (in either alphabet), or a data: URI of it.",
        json_schema_extra={"format": "byte"},
    )
    file_name: str = Field(default="image", max_length=255, description="What the file is called; kept as it is.")

    def decoded(self) -> bytes:
        """Raises InvalidRequest."""
        return image_bytes(self.image)


class MultipartSubmission(SubmissionFields):
    """A submission as a form: the same fields as text, ``metadata`` as a JSON object, and the file."""

    image: str = Field(min_length=1, description="The PNG or JPEG file.", json_schema_extra={"format": "binary"})


def wait_seconds(prefer: str) -> int | None:
    """Return the seconds of ``Prefer: wait=N``, at most a minute; None when it is not asked for. Source: RFC 7240."""
    match = _WAIT.search(prefer)
    return min(int(match[1]), MAX_WAIT_SECONDS) if match else None


def form_fields(form: dict[str, str]) -> SubmissionFields:
    """Read the text fields of a multipart submission. Raises InvalidRequest."""
    fields: dict[str, Any] = dict(form)
    if "metadata" in fields:
        fields["metadata"] = read_json(fields["metadata"], "The field 'metadata'", METADATA_EXAMPLE)
    if "retention_days" in fields:
        try:
            days = float(fields["retention_days"])
        except ValueError:
            days = math.nan
        if not math.isfinite(days):
            raise InvalidRequest("The field 'retention_days' is no number.")
        fields["retention_days"] = days
    return checked(SubmissionFields, fields)


def image_bytes(text: str) -> bytes:
    """Return what base64 encodes: either alphabet of RFC 4648, with or without padding, line breaks, or the head of a
    ``data:`` URI (RFC 2397).

    Raises InvalidRequest.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise InvalidRequest(
                "The field 'image' is a data: URI whose data is not base64. Write data:image/png;base64,<data>."
            )
        text = unquote(text)
    try:
        content = _SPACE.sub(b"", text.encode("ascii").translate(_URL_SAFE)).rstrip(b"=")
        return base64.b64decode(content + b"=" * (-len(content) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("The field 'image' is not base64. Encode the file's bytes (RFC 4648).") from error


def checked(model: type[Model], fields: object) -> Model:
    """Validate. Raises InvalidRequest, which names the field."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequest(sentence(error)) from error


def sentence(error: ValidationError) -> str:
    """Return what is wrong with the first field that is."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part)[:64] for part in first["loc"] if part != "[key]")
    return f"The field '{place}': {first['msg']}." if place else f"{first['msg']}."
