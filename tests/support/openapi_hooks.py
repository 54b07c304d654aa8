"""What schemathesis needs to know besides the document: what a picture and a list's cursor look like."""

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


PICTURES = st.sampled_from([_picture("PNG", 8), _picture("JPEG", 32)])

schemathesis.openapi.format("binary", PICTURES)
schemathesis.openapi.format("byte", PICTURES.map(lambda picture: base64.b64encode(picture).decode()))
# Nobody listens there, and nothing of it leaves this machine.
schemathesis.openapi.format("uri", st.just("http://127.0.0.1:9/hook"))
schemathesis.openapi.format("cursor", st.integers(0, 2**41).map(lambda at: Position(at).cursor()))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Give each request a key of its own: one that came before with another body is refused, as it should be."""
    mode = case.meta.generation.mode if case.meta else None
    if mode is schemathesis.GenerationMode.POSITIVE and case.headers and case.headers.get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Let what is submitted live for a day at least: it is looked at later, when one that lived for a blink is gone.

    What is wrong stays so. Not in ``before_call``: what that changes is judged anew, and a form with a picture in it
    counts as wrong then.
    """
    retention = body.get("retention_days") if isinstance(body, dict) else None
    if type(retention) in (int, float) and 0 < retention < 1:
        return body | {"retention_days": 1}
    return body
