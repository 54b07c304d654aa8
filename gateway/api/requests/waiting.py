"""How a request says that it wants to wait, and whether its client is still there."""

from __future__ import annotations

from collections.abc import Callable

from flask import request
from pydantic import BaseModel, Field

CONNECTED = "showcase.connected"
"""In the WSGI environment: the server's function that says whether the client is still there."""


class WaitHeaders(BaseModel):
    prefer: str | None = Field(
        default=None,
        alias="Prefer",
        max_length=1000,
        description="`wait=N`: answer when the submission is final, or after N seconds, at most 60 (RFC 7240).",
    )


def client_connected() -> Callable[[], bool]:
    """Return the function that says whether the client of this request is still there."""
    connected: Callable[[], bool] = request.environ.get(CONNECTED, lambda: True)
    return connected
