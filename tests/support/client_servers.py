"""A server that gives scripted replies through an httpx transport: the whole client runs, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx

from showcase.client import Client
from showcase.retries import RetryPolicy

ID = "7c9a3c52-53a1-4a4c-9f0e-0b7a8c1d2e3f"
Reply = httpx.Response | Exception


class ScriptedServer:
    """Gives one reply after another, then the last one for ever, and records the requests."""

    def __init__(self, *replies: Reply | Callable[[httpx.Request], Reply]) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        made = reply if isinstance(reply, httpx.Response | Exception) else reply(request)
        if isinstance(made, Exception):
            raise made
        return made


def client_for(script: ScriptedServer, retry_policy: RetryPolicy | None = None) -> tuple[Client, list[float]]:
    """Return a client of the scripted server, and the list of pauses in seconds that it makes without sleeping."""
    client = Client("http://server.test", transport=httpx.MockTransport(script), retry_policy=retry_policy)
    slept: list[float] = []
    client._transport.sleep = slept.append
    client._transport.jitter = lambda: 0.5
    return client, slept


def submission(state: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "workflow": {"name": "workflow_000", "version": "v1.0.0", "digest": "sha256:1"},
        "state": state,
        "reason": None,
        "created_at": "2026-01-02T03:04:05.678Z",
        "steps": [{"name": "digit", "model": {"name": "m", "version": "1.0.0"}, "state": "succeeded", "tries": 1}],
        "result": {"digit": 7, "score": 0.99} if state == "succeeded" else None,
        "artifacts": [],
        "queue": None,
        "urls": {"self": f"/api/v2/submissions/{ID}"},
        **more,
    }


def submission_response(state: str = "succeeded", status: int = 200, **more: Any) -> httpx.Response:
    return httpx.Response(status, json=submission(state, **more))


def problem_response(status: int, code: str = "some-problem", headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"type": f"/problems/{code}", "title": "A title", "status": status, "detail": "What to do.", "code": code}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json", **(headers or {})})


class BrokenBody(httpx.SyncByteStream):
    """A body that breaks off after its parts."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self.parts
        raise httpx.ReadError("the peer went away")


def event_stream(*sent: tuple[int | None, str], broken: bool = False, comments: bool = True) -> httpx.Response:
    text = ": hello\n\n" if comments else ""
    for number, kind in sent:
        text += f"id: {number}\n" if number else ""
        text += f'event: {kind}\ndata: {{"at": "2026-01-02T03:04:05Z", "step": null}}\n\n: still here\n\n'
    headers = {"content-type": "text/event-stream"}
    body = text.encode()
    return httpx.Response(200, headers=headers, stream=BrokenBody(body) if broken else httpx.ByteStream(body))
