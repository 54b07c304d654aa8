"""Reads a workflow's text from a request: YAML, or JSON, which is written as YAML can read it."""

from __future__ import annotations

import json

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from contracts.errors import InvalidRequest, InvalidWorkflow, WorkflowFault
from contracts.workflows.workflow_file import MAX_FILE_BYTES
from gateway.api.requests.json_body import read_json

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"})
"""application/yaml is the registered one. Source: RFC 9512."""

EXAMPLE = """an object, as {"workflow": "digits", "version": "v1.0.0", …}"""


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
