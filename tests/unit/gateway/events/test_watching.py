"""Waiting requests and event streams on the real server, beside requests that work."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from contracts.errors import TooManyWatchers
from contracts.submissions.documents import Submission
from contracts.submissions.events import SubmissionChanged, step_events, submission_event
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.catalogue import Catalogue
from gateway.events.subscriptions import EventBroadcaster
from gateway.working import WorkLimit
from orchestrator.ports import Progress
from tests.support.factories import NOW, make_submission, make_workflow, png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app, serving
from tests.support.patience import PATIENCE, eventually

WORKING = 2


@dataclass
class World:
    port: int
    store: MemoryStore
    broadcaster: EventBroadcaster
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def connect(self) -> http.client.HTTPConnection:
        self.connections.append(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE))
        return self.connections[-1]

    def accepted(self, **changes: Any) -> Submission:
        submission = make_submission(events=[submission_event(SubmissionState.QUEUED, NOW)], event_count=1, **changes)
        self.store.accept(submission, b"img")
        return submission

    def move(self, submission: Submission, *, published: bool = True) -> None:
        """Run the submission's step and finish it, as an orchestrator does, with an event for each write."""
        steps = [step.model_copy(update={"state": StepState.RUNNING}) for step in submission.steps]
        begun = [submission_event(SubmissionState.RUNNING, NOW), *step_events({}, steps, NOW)]
        claim = self.store.claim(submission, "owner", 60, Progress(steps, [], begun))
        assert claim is not None
        if published:
            self.broadcaster.publish(
                SubmissionChanged(submission.id, "digits", SubmissionState.RUNNING, 2, tuple(begun))
            )
        known = {step.name: step.state for step in steps}
        done = [step.model_copy(update={"state": StepState.SUCCEEDED}) for step in steps]
        ended = [*step_events(known, done, NOW), submission_event(SubmissionState.SUCCEEDED, NOW)]
        self.store.succeed(claim, Progress(done, [], ended), {"digit": 7})
        if published:
            self.broadcaster.publish(
                SubmissionChanged(submission.id, "digits", SubmissionState.SUCCEEDED, 4, tuple(ended))
            )

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = self.connect()
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse()

    @property
    def watchers(self) -> int:
        return self.broadcaster._count


@pytest.fixture
def world(store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue) -> Iterator[World]:
    broadcaster = EventBroadcaster(limit=20)
    broadcaster.listening = True
    work = WorkLimit(WORKING)
    app = make_app(store, job_publisher, catalogue, broadcaster=broadcaster, work=work)
    with serving(app, work) as port:
        made = World(port, store, broadcaster)
        yield made
        for connection in made.connections:
            connection.close()


def parsed(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def numbers(text: str) -> list[tuple[str, str]]:
    return [(each["id"], each["event"]) for each in parsed(text) if "id" in each]


ALL = [
    ("1", "submission.queued"),
    ("2", "submission.running"),
    ("3", "step.running"),
    ("4", "step.succeeded"),
    ("5", "submission.succeeded"),
]


def test_a_stream_sends_every_event_once_and_ends_with_the_submission(world: World) -> None:
    submission = world.accepted()
    response = world.get(f"/api/v2/submissions/{submission.id}/events")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    begin = b"".join(iter(response.readline, b"event: submission.queued\n"))
    assert b'event: queue\ndata: {"position":0' in begin
    world.move(submission)
    assert numbers(response.read().decode()) == ALL[1:]
    eventually(lambda: world.watchers == 0)


def test_a_stream_goes_on_after_what_the_client_has(world: World) -> None:
    submission = world.accepted()
    world.move(submission)
    path = f"/api/v2/submissions/{submission.id}/events"
    assert numbers(world.get(path, Last_Event_ID="3").read().decode()) == ALL[3:]
    assert world.get(path, Last_Event_ID="5").status == 204
    assert world.get(path, Last_Event_ID="x").status == 400


def test_what_a_stream_missed_is_read_from_the_document(world: World) -> None:
    submission = world.accepted()
    response = world.get(f"/api/v2/submissions/{submission.id}/events")
    eventually(lambda: world.watchers == 1)
    world.move(submission, published=False)
    world.broadcaster.publish(SubmissionChanged(submission.id, "digits", SubmissionState.SUCCEEDED, None))
    assert numbers(response.read().decode()) == ALL


def test_without_notifications_a_stream_polls(world: World) -> None:
    world.broadcaster.listening = False
    submission = world.accepted()
    response = world.get(f"/api/v2/submissions/{submission.id}/events")
    eventually(lambda: world.watchers == 1)
    world.move(submission, published=False)
    assert numbers(response.read().decode()) == ALL


def test_a_deleted_submission_ends_its_stream(world: World) -> None:
    world.broadcaster.listening = False
    submission = world.accepted()
    response = world.get(f"/api/v2/submissions/{submission.id}/events")
    del world.store.documents[submission.id]
    assert parsed(response.read().decode())[-1]["event"] == "submission.deleted"


def test_streams_and_waiting_requests_hold_up_no_other_request(world: World) -> None:
    submission = world.accepted()
    path = f"/api/v2/submissions/{submission.id}"
    streams = [world.get(path + "/events") for _ in range(4 * WORKING)]
    with ThreadPoolExecutor(4 * WORKING) as pool:
        waiting = [pool.submit(world.get, path, Prefer="wait=60") for _ in range(4 * WORKING)]
        eventually(lambda: world.watchers == 8 * WORKING)
        assert world.get("/health/live").status == 200
        world.move(submission)
        for each in waiting:
            response = each.result()
            assert (response.status, response.headers["Preference-Applied"]) == (200, "wait=60")
            assert json.loads(response.read())["result"] == {"digit": 7}
    assert all(numbers(stream.read().decode()) == ALL for stream in streams)
    eventually(lambda: world.watchers == 0)


def test_a_client_that_leaves_is_forgotten(world: World) -> None:
    submission = world.accepted()
    response = world.get(f"/api/v2/submissions/{submission.id}/events")
    eventually(lambda: world.watchers == 1)
    response.close()
    world.connections[-1].close()
    eventually(lambda: world.watchers == 0)


def test_a_request_beyond_the_limit_of_watchers_is_refused(world: World) -> None:
    submission = world.accepted()
    held = [world.broadcaster.subscribe("x", lambda _: None) for _ in range(20)]
    path = f"/api/v2/submissions/{submission.id}"
    response = world.get(path + "/events")
    assert (response.status, json.loads(response.read())["code"]) == (503, "too-many-watchers")
    for each in held:
        each.cancel()
        each.cancel()  # twice changes nothing
    assert world.watchers == 0
    assert world.get(path + "/events").status == 200


def test_a_wait_ends_after_its_seconds_and_a_request_behind_it_is_answered_after_it(world: World) -> None:
    submission = world.accepted()
    path = f"/api/v2/submissions/{submission.id}"
    connection = world.connect()
    connection.request("GET", path, headers={"Prefer": "wait=1"})
    response = connection.getresponse()
    assert (response.status, response.headers["Preference-Applied"]) == (200, "wait=1")
    assert json.loads(response.read())["state"] == "queued"
    connection.request("GET", "/health/live")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b'{"status":"alive"}\n')


def test_submitting_may_wait_for_the_result_and_stores_one_submission(world: World, client: FlaskClient) -> None:
    body = json.dumps({"image": base64.b64encode(png()).decode(), "workflow": "digits"})
    connection = world.connect()
    headers = {"Content-Type": "application/json", "Prefer": "respond-async, wait=60"}
    connection.request("POST", "/api/v2/submissions", body, headers)
    eventually(lambda: world.watchers == 1)
    (document,) = world.store.documents.values()
    stored = world.store.fetch(document["_id"])
    assert stored is not None
    world.move(stored)
    response = connection.getresponse()
    assert (response.status, response.headers["Location"]) == (200, f"/api/v2/submissions/{stored.id}")
    assert json.loads(response.read())["state"] == "succeeded"
    assert len(world.store.documents) == 1


def test_what_is_final_or_may_not_wait_is_answered_at_once(client: FlaskClient, store: MemoryStore) -> None:
    workflow = make_workflow()
    submission = make_submission(workflow, state=SubmissionState.SUCCEEDED, ended_at=NOW, event_count=1)
    store.accept(submission, b"img")
    response = client.get(f"/api/v2/submissions/{submission.id}", headers={"Prefer": "wait=60"})
    assert response.headers["Preference-Applied"] == "wait=60"
    waiting = make_submission(workflow, created_at=NOW + timedelta(seconds=1))
    store.accept(waiting, b"img")
    response = client.get(f"/api/v2/submissions/{waiting.id}", headers={"Prefer": "wait=0"})
    assert response.headers["Preference-Applied"] == "wait=0"


def test_a_wait_beyond_the_limit_of_watchers_is_not_applied(world: World) -> None:
    submission = world.accepted()
    held = [world.broadcaster.subscribe("x", lambda _: None) for _ in range(20)]
    response = world.get(f"/api/v2/submissions/{submission.id}", Prefer="wait=60")
    assert (response.status, response.headers["Preference-Applied"]) == (200, None)
    for each in held:
        each.cancel()


def test_the_broadcaster_bounds_and_forgets() -> None:
    broadcaster = EventBroadcaster(limit=1)
    received: list[SubmissionChanged] = []
    subscription = broadcaster.subscribe("a", received.append)
    with pytest.raises(TooManyWatchers):
        broadcaster.subscribe("b", received.append)
    change = SubmissionChanged("a", "digits", SubmissionState.RUNNING, None)
    broadcaster.publish(change)
    broadcaster.publish(SubmissionChanged("b", "digits", SubmissionState.RUNNING, None))
    subscription.cancel()
    broadcaster.publish(change)
    assert received == [change]
