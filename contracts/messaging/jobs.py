"""Job messages: a doorbell carries an id and nothing that matters. Encode and decode."""

from __future__ import annotations

import json
from dataclasses import dataclass

from contracts.errors import InvalidMessage, UnknownSchema

SCHEMA = 1
MAX_BYTES = 4096
"""A job is some 150 bytes; whatever is longer was not written by us and is not parsed."""


@dataclass(frozen=True)
class Job:
    """Ask any orchestrator to look at a submission."""

    submission_id: str
    workflow: str
    version: str


def encode_job(job: Job) -> bytes:
    return json.dumps(
        {"schema": SCHEMA, "submission_id": job.submission_id, "workflow": job.workflow, "version": job.version}
    ).encode()


def decode_job(body: bytes) -> Job:
    """Read a job message. Raises InvalidMessage, and UnknownSchema when a newer release wrote it."""
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
    # Printable: JSON can spell half a character, which would break every handler that looks it up.
    if not all(isinstance(value, str) and value and value.isprintable() for value in values):
        raise InvalidMessage("The message lacks submission_id, workflow or version.")
    return Job(*map(str, values))
