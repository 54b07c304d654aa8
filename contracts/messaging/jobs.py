"""Job messages: encode and decode. A job carries a submission's id; everything else is in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass

from contracts.errors import InvalidMessage, UnknownSchema

SCHEMA = 1
MAX_BYTES = 4096
"""A job has about 150 bytes; a longer message was not written by us and is not parsed."""


@dataclass(frozen=True)
class Job:
    """Asks any orchestrator to process a submission."""

    submission_id: str
    workflow: str
    version: str


def encode_job(job: Job) -> bytes:
    return json.dumps(
        {"schema": SCHEMA, "submission_id": job.submission_id, "workflow": job.workflow, "version": job.version}
    ).encode()


def decode_job(body: bytes) -> Job:
    """Read a job message. Raises InvalidMessage, and UnknownSchema if a newer release wrote it."""
    if len(body) > MAX_BYTES:
        raise InvalidMessage(f"A job message has at most {MAX_BYTES} bytes, this one has {len(body)}.")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage("The message is not JSON.") from error
    if not isinstance(fields, dict):
        raise InvalidMessage("The message is not a JSON object.")
    schema = fields.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UnknownSchema(f"The message has schema {schema}; this release knows {SCHEMA}.")
    if schema != SCHEMA:
        raise InvalidMessage("The message does not say its schema.")
    values = [fields.get(name) for name in ("submission_id", "workflow", "version")]
    # Printable: JSON can contain half of a surrogate pair, which no query or log can encode.
    if not all(isinstance(value, str) and value and value.isprintable() for value in values):
        raise InvalidMessage("The message lacks submission_id, workflow or version.")
    return Job(*map(str, values))
