"""Reads a workflow's text from a request: YAML, or JSON, which is written as YAML can read it."""

from __future__ import annotations

import json
from typing import Literal

from flask import request
from pydantic import BaseModel, Field
from werkzeug.exceptions import UnsupportedMediaType

from contracts.errors import InvalidRequest, InvalidWorkflow, WorkflowFault
from contracts.workflows.workflow_file import MAX_FILE_BYTES
from gateway.api.requests.json_body import read_json

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"})
"""application/yaml is the registered one. Source: RFC 9512."""

EXAMPLE = """an object, as {"workflow": "digits", "version": "v1.0.0", …}"""


class StepDocument(BaseModel):
    """One call of a model."""

    model: str = Field(description="The model with its exact version.", examples=["digit_recognizer@1.0.0"])
    when: str | None = Field(
        default=None, description="A CEL expression over earlier steps: the step is skipped when it is false."
    )
    after: list[str] | None = Field(default=None, description="Steps to wait for without reading their outputs.")
    timeout_seconds: float | None = Field(default=None, description="How long one call may take.", examples=[10])


class InputDocument(BaseModel):
    """Which images it accepts."""

    kind: Literal["image"] = Field(description="The kind of input.")
    formats: list[Literal["png", "jpeg"]] | None = Field(default=None, description="Their formats; default: all.")


class WorkflowDocument(BaseModel):
    """A workflow's file: the same fields in YAML and in JSON. It is described here and checked as a text."""

    workflow: str = Field(description="The workflow's name.", examples=["digits"])
    version: str = Field(description="v1.0.0, or v1.0.0-draft for a draft.", examples=["v1.0.0"])
    title: str | None = Field(default=None, description="What it does, in a line.", examples=["Handwritten digit"])
    description: str | None = Field(default=None, description="More about it.")
    input: InputDocument = Field(description="The kind of input, and its formats.")
    steps: dict[str, StepDocument] = Field(
        description="The steps by name.", examples=[{"recognition": {"model": "digit_recognizer@1.0.0"}}]
    )
    output: dict[str, str] = Field(
        description="The result's fields, each a CEL expression over the steps.",
        examples=[{"digit": "recognition.digit"}],
    )


def read_workflow_text() -> str:
    """Return the body's text. Raises InvalidRequest, InvalidWorkflow (it is too long) and UnsupportedMediaType."""
    if request.mimetype not in YAML_TYPES and request.mimetype != "application/json":
        raise UnsupportedMediaType
    length = request.content_length
    body = b"" if length is not None and length > MAX_FILE_BYTES else request.get_data(cache=False)
    if not body and not length:
        raise InvalidRequest("The body is empty. Send the workflow's text, with Content-Type: application/yaml.")
    if not body or len(body) > MAX_FILE_BYTES:
        fault = WorkflowFault(1, 1, f"a workflow has at most {MAX_FILE_BYTES} bytes.")
        raise InvalidWorkflow(f"The workflow has 1 error: {fault.message}", [fault])
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not UTF-8 text.") from error
    if request.mimetype == "application/json":
        document = read_json(text, "The body", EXAMPLE)
        if "\\" in text:  # YAML reads JSON, except for some of its escapes
            text = json.dumps(document, ensure_ascii=False, indent=2)
    return text
