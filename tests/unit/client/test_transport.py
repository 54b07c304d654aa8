"""Requests over connections that break, and to a server that refuses them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

import showcase
from showcase.errors import Refused, ShowcaseError, Unavailable, UnexpectedAnswer, Unreachable
from showcase.retries import RetryPolicy
from tests.support.client_servers import (
    ID,
    BrokenBody,
    Reply,
    ScriptedServer,
    client_for,
    problem_response,
    submission_response,
)

LIBRARY_ERRORS = [
    kind
    for _, kind in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(kind, httpx.TransportError) and kind.__init__ is httpx.TransportError.__init__
]


@pytest.mark.parametrize("kind", LIBRARY_ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("call", ["get", "cancel", "delete", "record", "submit", "export", "list", "events"])
def test_no_error_of_httpx_leaves_the_client(kind: type[httpx.TransportError], call: str, tmp_path: Path) -> None:
    client, _ = client_for(ScriptedServer(kind("broken")))
    calls: dict[str, Callable[[], object]] = {
        "submit": lambda: client.submit(b"image", "workflow_000"),
        "export": lambda: client.export(tmp_path / "all.ndjson"),
        "list": lambda: list(client.list()),
        "events": lambda: list(client.events(ID)),
    }
    action = calls.get(call) or partial(getattr(client, call), ID)
    with pytest.raises(Unreachable, match=r"server\.test"):
        action()
    assert list(tmp_path.iterdir()) == []


def test_a_submission_is_sent_again_under_the_same_key_until_it_is_accepted() -> None:
    script = ScriptedServer(
        httpx.ReadError("gone"),
        problem_response(502),
        problem_response(503, headers={"retry-after": "3"}),
        submission_response("queued"),
    )
    client, slept = client_for(script)
    assert client.submit(b"image", "workflow_000").state == "queued"
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1
    assert len({request.content for request in script.requests}) == 1
    assert len(slept) == 3
    assert slept[2] >= 3


def test_two_submissions_have_two_keys_and_a_given_one_is_kept() -> None:
    script = ScriptedServer(submission_response("queued"))
    client, _ = client_for(script)
    for _ in range(2):
        client.submit(b"image", "workflow_000")
    client.submit(b"image", "workflow_000", idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@pytest.mark.parametrize("call", ["retry", "delete"])
@pytest.mark.parametrize(
    "failure", [httpx.ReadError("gone"), httpx.ReadTimeout("slow"), problem_response(502), problem_response(504)]
)
def test_a_request_that_may_have_been_processed_is_not_sent_again(call: str, failure: Reply) -> None:
    script = ScriptedServer(failure)
    client, _ = client_for(script)
    with pytest.raises((Unreachable, Unavailable)):
        getattr(client, call)(ID)
    assert len(script.requests) == 1


@pytest.mark.parametrize("call", ["cancel", "retry", "replay"])
@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), problem_response(503), problem_response(429)])
def test_a_request_that_was_certainly_not_processed_is_sent_again(call: str, failure: Reply) -> None:
    script = ScriptedServer(failure, submission_response("canceled", url="https://hook.test/"))
    client, _ = client_for(script)
    getattr(client, call)(*([ID, "delivery"] if call == "replay" else [ID]))
    assert len(script.requests) == 2


def test_a_broken_body_is_fetched_again() -> None:
    script = ScriptedServer(httpx.Response(200, stream=BrokenBody(b"half")), httpx.Response(200, content=b"whole"))
    client, _ = client_for(script)
    assert client.artifact(ID, "mask.png") == b"whole"


def test_tries_are_bounded_and_the_last_refusal_is_raised() -> None:
    script = ScriptedServer(problem_response(503, headers={"retry-after": "1"}))
    client, slept = client_for(script, RetryPolicy(max_tries=4))
    with pytest.raises(Unavailable, match="What to do") as caught:
        client.get(ID)
    assert len(script.requests) == 4
    assert len(slept) == 3
    assert caught.value.retry_after == 1


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 429, 500, 503, 599]
)
def test_every_refusal_has_its_class_and_the_servers_sentence(status: int) -> None:
    client, _ = client_for(ScriptedServer(problem_response(status, "its-name")), RetryPolicy(max_tries=1))
    with pytest.raises(Refused) as caught:
        client.get(ID)
    error = caught.value
    assert (error.status, error.code, error.detail, str(error)) == (status, "its-name", "What to do.", "What to do.")
    named = {404: showcase.NotFound, 409: showcase.Conflict, 410: showcase.Gone, 422: showcase.Invalid}
    assert isinstance(error, named.get(status, Refused))
    assert isinstance(error, Unavailable) == (status == 429 or status >= 500)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>Bad Gateway</html>", headers={"content-type": "text/html"}),
        httpx.Response(500, content=b"\xff\xfe"),
        httpx.Response(404, json=["no", "object"]),
        httpx.Response(503, json={"status": "Failure", "message": "a sentence of v1"}),
        httpx.Response(500, stream=BrokenBody(b"")),
    ],
)
def test_a_refusal_without_a_problem_document_is_a_sentence(answer: httpx.Response) -> None:
    client, _ = client_for(ScriptedServer(answer), RetryPolicy(max_tries=1))
    with pytest.raises(ShowcaseError) as caught:
        client.get(ID)
    assert str(caught.value)
    assert "<html>" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="hello"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"id": 7}),
        httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
    ],
)
def test_another_program_at_the_address_is_an_unexpected_answer(answer: httpx.Response) -> None:
    client, _ = client_for(ScriptedServer(answer))
    with pytest.raises(UnexpectedAnswer):
        client.get(ID)


@pytest.mark.parametrize("url", ["", "ftp://host", "host:80", "http://", "http://host:port"])
def test_an_invalid_address_is_refused_when_the_client_is_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWCASE_URL", url or "no address")
    with pytest.raises(Unreachable, match="not an address"):
        showcase.Client(url or None)
