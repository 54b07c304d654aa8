"""Events over connections that end and break, and waiting for an end."""

from __future__ import annotations

import httpx
import pytest

from showcase.client import Client
from showcase.errors import Gone, Unreachable, WaitTimedOut
from showcase.resources import Event
from tests.support.client_servers import (
    ID,
    Reply,
    ScriptedServer,
    client_for,
    event_stream,
    problem_response,
    submission_response,
)

QUEUED, RUNNING, FAILED, DONE = "submission.queued", "submission.running", "submission.failed", "submission.succeeded"

NO_MORE_EVENTS = httpx.Response(204)


def watch(client: Client, after: str | None = None) -> list[tuple[str, str]]:
    return [(event.id, event.type) for event in client.events(ID, after=after)]


def test_a_stream_ends_with_the_submission() -> None:
    script = ScriptedServer(event_stream((1, QUEUED), (2, RUNNING), (3, DONE)), NO_MORE_EVENTS)
    client, slept = client_for(script)
    assert watch(client) == [("1", QUEUED), ("2", RUNNING), ("3", DONE)]
    assert [request.headers.get("last-event-id") for request in script.requests] == [None, "3"]
    assert slept == []


def test_an_event_that_is_sent_twice_is_yielded_once() -> None:
    script = ScriptedServer(
        event_stream((1, QUEUED), (1, QUEUED), (2, DONE)), event_stream((2, DONE)), submission_response()
    )
    client, _ = client_for(script)
    assert len(watch(client)) == 2
    assert len(script.requests) == 3


def test_a_submission_that_is_deleted_meanwhile_is_gone() -> None:
    client, _ = client_for(
        ScriptedServer(event_stream((1, QUEUED), (None, "submission.deleted")), problem_response(410))
    )
    with pytest.raises(Gone):
        watch(client)


def test_a_queue_event_has_no_number_of_its_own() -> None:
    stream = 'id: 1\nevent: submission.queued\ndata: {}\n\nevent: queue\ndata: {"position": 3}\n\n'
    headers = {"content-type": "text/event-stream"}
    script = ScriptedServer(httpx.Response(200, text=stream, headers=headers), event_stream((2, DONE)), NO_MORE_EVENTS)
    client, _ = client_for(script)
    found = list(client.events(ID))
    assert [event.type for event in found] == [QUEUED, "queue", DONE]
    assert found[1].position == 3
    assert script.requests[1].headers["last-event-id"] == "1"


def test_a_broken_stream_resumes_without_a_lost_or_repeated_event() -> None:
    script = ScriptedServer(
        event_stream((1, QUEUED), (2, RUNNING), broken=True),
        httpx.ConnectError("restarting"),
        problem_response(503),
        event_stream((3, "step.succeeded"), (4, DONE)),
        NO_MORE_EVENTS,
    )
    client, slept = client_for(script)
    assert [number for number, _ in watch(client)] == ["1", "2", "3", "4"]
    assert [request.headers.get("last-event-id") for request in script.requests] == [None, "2", "2", "2", "4"]
    assert len(slept) == 3


def test_watching_begins_after_the_given_event() -> None:
    script = ScriptedServer(event_stream((3, DONE)), NO_MORE_EVENTS)
    client, _ = client_for(script)
    assert watch(client, after="2") == [("3", DONE)]
    assert script.requests[0].headers["last-event-id"] == "2"


def test_a_stream_that_the_server_ends_early_is_opened_again() -> None:
    script = ScriptedServer(
        event_stream((1, QUEUED)),
        event_stream(comments=False),
        submission_response("running"),
        event_stream((2, RUNNING), (3, DONE)),
        NO_MORE_EVENTS,
    )
    client, _ = client_for(script)
    assert [number for number, _ in watch(client)] == ["1", "2", "3"]


def test_watching_continues_when_a_retry_follows_the_end() -> None:
    script = ScriptedServer(
        event_stream((1, QUEUED), (2, FAILED)), event_stream((3, QUEUED), (4, DONE)), NO_MORE_EVENTS
    )
    client, _ = client_for(script)
    assert [number for number, _ in watch(client)] == ["1", "2", "3", "4"]


def test_watching_ends_when_no_events_remain() -> None:
    client, _ = client_for(ScriptedServer(NO_MORE_EVENTS))
    assert watch(client, after="3") == []


def test_watching_gives_up_without_a_connection() -> None:
    script = ScriptedServer(httpx.ConnectError("refused"))
    client, slept = client_for(script)
    with pytest.raises(Unreachable):
        watch(client)
    assert 2 < len(script.requests) <= 12
    assert sum(slept) <= 120


def test_a_refusal_ends_watching_at_once() -> None:
    script = ScriptedServer(problem_response(410))
    client, _ = client_for(script)
    with pytest.raises(Gone):
        watch(client)
    assert len(script.requests) == 1


def test_waiting_follows_the_events_and_then_reads_the_result() -> None:
    script = ScriptedServer(
        submission_response("queued"), event_stream((1, QUEUED), (2, DONE)), NO_MORE_EVENTS, submission_response()
    )
    client, _ = client_for(script)
    received: list[Event] = []
    assert client.wait(ID, on_event=received.append).result == {"digit": 7, "score": 0.99}
    assert [event.type for event in received] == [QUEUED, DONE]
    assert all("prefer" not in request.headers for request in script.requests)


@pytest.mark.parametrize(
    "unusable",
    [
        problem_response(404),
        problem_response(503),
        httpx.Response(200, text="<html>", headers={"content-type": "text/html"}),
        httpx.ReadTimeout("held back"),
    ],
)
def test_waiting_falls_back_to_long_polling_when_the_stream_does_not_work(unusable: Reply) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> Reply:
        requests.append(request)
        if request.url.path.endswith("/events"):
            return unusable
        return submission_response("succeeded" if "prefer" in request.headers else "running")

    client, _ = client_for(ScriptedServer(answer))
    assert client.wait(ID).succeeded
    assert requests[-1].headers["prefer"] == "wait=60"


def test_a_short_wait_is_one_request() -> None:
    script = ScriptedServer(submission_response())
    client, _ = client_for(script)
    assert client.wait(ID, 7.2).succeeded
    assert [request.headers["prefer"] for request in script.requests] == ["wait=8"]


def test_submitting_and_waiting_is_one_request() -> None:
    script = ScriptedServer(submission_response())
    client, _ = client_for(script)
    assert client.submit(b"image", "workflow_000", wait=60).succeeded
    assert [request.headers["prefer"] for request in script.requests] == ["wait=60"]


@pytest.mark.parametrize("call", ["wait", "submit"])
def test_a_wait_that_is_over_says_so_and_keeps_the_submission(call: str) -> None:
    client, _ = client_for(ScriptedServer(submission_response("running")))
    with pytest.raises(WaitTimedOut, match=r"still running after 0\.05 seconds") as caught:
        client.wait(ID, 0.05) if call == "wait" else client.submit(b"image", "workflow_000", wait=0.05)
    assert (caught.value.submission_id, caught.value.state) == (ID, "running")


def test_requests_to_a_server_that_ignores_the_wait_are_paced() -> None:
    script = ScriptedServer(*[submission_response("running")] * 5, submission_response())
    client, slept = client_for(script)
    assert client.wait(ID, 60).succeeded
    assert len(slept) >= 4
    assert min(slept) > 0
