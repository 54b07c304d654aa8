"""What schemathesis needs to know besides the document: what an image and a list's cursor look like."""

from __future__ import annotations

import base64
import io
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image

from gateway.adapters.mongo.secantus_windows import Position


def _picture(form: str, side: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (side, side), side).save(content, format=form)
    return content.getvalue()


SHIPPED = "workflow_"
"""The names of the workflows that the tests submit to begin with this."""

PICTURES = st.sampled_from([_picture("PNG", 8), _picture("JPEG", 32)])

schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format("byte", PICTURES.map(lambda picture: base64.b64encode(picture).decode()))
# No server listens there, and the call does not leave this machine.
schemathesis.openapi.format("uri", st.just("http://127.0.0.1:9/hook"))
schemathesis.openapi.format("cursor", st.integers(0, 2**41).map(lambda at: Position(at).cursor()))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Give each request an idempotency key of its own, and retire no workflow that other tests use.

    The gateway rightly refuses a key with another body.
    """
    mode = case.meta.generation.mode if case.meta else None
    parameters = case.path_parameters or {}
    if case.method.upper() == "DELETE" and str(parameters.get("name", "")).startswith(SHIPPED):
        parameters["name"] = "fuzzed"  # other tests use the same cluster
    if mode is schemathesis.GenerationMode.POSITIVE and case.headers and case.headers.get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Keep each submission for at least a day: a later call reads it.

    An invalid value stays invalid. This is not done in ``before_call``: schemathesis classifies the case again after
    that, and a form with an image counts as invalid then.
    """
    retention = body.get("retention_days") if isinstance(body, dict) else None
    if isinstance(retention, int | float) and not isinstance(retention, bool) and 0 < retention < 1:
        return body | {"retention_days": 1}
    return body
