"""Cancel, run again, delete: which state allows it, what it leaves, and which events it publishes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from contracts.errors import IllegalMove
from contracts.submissions.documents import Artifact, Attempt, Submission, to_document
from contracts.submissions.events import numbered
from contracts.submissions.images import StoredImage
from contracts.submissions.states import StepState, SubmissionState
from gateway.submissions.lifecycle import TRIES, Lifecycle
from tests.support.factories import GATED, NOW, make_submission, make_workflow
from tests.support.fake_lifecycle import MemoryLifecycleStore
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher
from tests.unit.gateway.api.v2.test_submissions import ADDRESS, refused, submit


def keep(store: MemoryStore, state: SubmissionState, **changes: Any) -> Submission:
    """Store one whose first step succeeded and whose second one failed after four tries, or runs."""
    workflow = make_workflow(GATED)
    first, second = workflow.fresh_steps()
    first.state, first.tries, first.output = StepState.SUCCEEDED, 1, {"label": "abnormality"}
    second.state = StepState.RUNNING if state is SubmissionState.RUNNING else StepState.FAILED
    second.faults = {"model-unavailable": 4}
    for _ in range(4):
        second.record(Attempt(started_at=NOW, ended_at=NOW, error="away"))
    values: dict[str, Any] = {"state": state, "steps": [first, second], "fence": 3, "lost_leases": 2}
    if state.terminal:
        values |= {"due_at": None, "ended_at": NOW, "reason": "because"}
    submission = make_submission(workflow, **values | changes)
    store.accept(submission, b"image")
    return submission


def stored(store: MemoryStore, submission: Submission) -> Submission:
    found = store.fetch(submission.id)
    assert found is not None
    return found


@pytest.mark.parametrize("state", [SubmissionState.QUEUED, SubmissionState.RUNNING])
def test_what_has_not_ended_is_canceled_under_the_next_fence(
    client: FlaskClient, store: MemoryStore, job_publisher: GatewayPublisher, state: SubmissionState
) -> None:
    submission = keep(store, state)
    response = client.post(f"{ADDRESS}/{submission.id}/cancel")
    assert response.status_code == 200
    assert response.json is not None
    assert (response.json["state"], response.json["reason"]) == ("canceled", "It was canceled on request.")
    assert response.json["steps"][0]["state"] == "succeeded"
    assert response.json["steps"][1]["state"] != "running"
    after = stored(store, submission)
    assert (after.fence, after.lease, after.due_at, after.ended_at) == (4, None, None, store.now())
    assert [each.event.type for each in numbered(after)] == ["submission.canceled"]
    assert [(change.submission_id, change.state) for change in job_publisher.changes] == [(submission.id, "canceled")]
    # A second call changes nothing and publishes nothing.
    again = client.post(f"{ADDRESS}/{submission.id}/cancel")
    assert (again.status_code, again.json) == (200, response.json)
    assert len(job_publisher.changes) == 1


@pytest.mark.parametrize("state", [SubmissionState.SUCCEEDED, SubmissionState.FAILED])
def test_what_has_ended_cannot_be_canceled(client: FlaskClient, store: MemoryStore, state: SubmissionState) -> None:
    submission = keep(store, state)
    before = stored(store, submission)
    assert f"has already {state}" in refused(client.post(f"{ADDRESS}/{submission.id}/cancel"), 409, "illegal-move")
    assert stored(store, submission) == before


@pytest.mark.parametrize("state", [SubmissionState.FAILED, SubmissionState.CANCELED])
def test_a_retry_goes_on_from_what_succeeded(
    client: FlaskClient, store: MemoryStore, job_publisher: GatewayPublisher, state: SubmissionState
) -> None:
    submission = keep(store, state)
    job_publisher.waits["gated"] = 7
    response = client.post(f"{ADDRESS}/{submission.id}/retry")
    assert response.status_code == 202
    assert response.json is not None
    assert response.headers["Location"] == response.json["urls"]["self"]
    assert response.headers["Retry-After"] == "1"
    assert (response.json["state"], response.json["reason"], response.json["ended_at"]) == ("queued", None, None)
    assert response.json["queue"]["position"] == 7
    after = stored(store, submission)
    assert (after.retries, after.lost_leases, after.fence, after.published_at) == (1, 0, 4, None)
    assert after.due_at == store.now() + timedelta(seconds=5)
    first, second = after.steps
    assert first == submission.steps[0]
    assert (second.state, second.tries, second.attempts) == (StepState.PENDING, 4, submission.steps[1].attempts)
    assert second.faults == {}
    assert [each.event.type for each in numbered(after)] == ["step.pending", "submission.queued"]
    assert job_publisher.published == [(submission.id, 0.0)]
    assert [change.state for change in job_publisher.changes] == ["queued"]
    refused(client.post(f"{ADDRESS}/{submission.id}/retry"), 409, "illegal-move")  # it is queued now


@pytest.mark.parametrize("state", [SubmissionState.QUEUED, SubmissionState.RUNNING, SubmissionState.SUCCEEDED])
def test_a_retry_that_is_not_needed_is_refused(client: FlaskClient, store: MemoryStore, state: SubmissionState) -> None:
    submission = keep(store, state)
    assert f"is {state}" in refused(client.post(f"{ADDRESS}/{submission.id}/retry"), 409, "illegal-move")
    assert stored(store, submission).fence == 3


@pytest.mark.parametrize("state", list(SubmissionState))
def test_any_state_can_be_deleted_with_its_pictures(
    client: FlaskClient, store: MemoryStore, state: SubmissionState
) -> None:
    artifact = Artifact(name="mask.png", media_type="image/png", bytes=3)
    submission, other = keep(store, state, artifacts=[artifact]), keep(store, state)
    store.images[f"{submission.id}/mask.png"] = StoredImage("image/png", b"png")
    response = client.delete(f"{ADDRESS}/{submission.id}")
    assert (response.status_code, response.data) == (204, b"")
    assert store.documents.keys() == {other.id}
    assert store.images.keys() == {f"{other.id}/input"}
    for method, path in [("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")]:
        again = client.open(f"{ADDRESS}/{submission.id}{path}", method=method)
        assert "deleted" in refused(again, 410, "submission-gone")
    assert client.get(f"/api/v1/fetch_result/{submission.id}").status_code == 404


def test_an_unknown_submission_is_404(client: FlaskClient) -> None:
    for method, path in [("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")]:
        response = client.open(f"{ADDRESS}/8a8dce6b-b926-48d6-9700-dddc53af9e71{path}", method=method)
        refused(response, 404, "unknown-submission")


class Overtaken(MemoryLifecycleStore):
    """Another process makes a move before each of the first ``times`` moves."""

    def __init__(self, store: MemoryStore, times: int) -> None:
        super().__init__(store)
        self.times = times

    def cancel(self, submission: Submission, reason: str, at: datetime) -> bool:
        if self.times:
            self.times -= 1
            self.store.documents[submission.id]["fence"] += 1
        return super().cancel(submission, reason, at)


def test_a_move_that_loses_a_race_is_tried_again(store: MemoryStore, job_publisher: GatewayPublisher) -> None:
    submission = keep(store, SubmissionState.RUNNING)
    lifecycle = Lifecycle(store, Overtaken(store, TRIES - 1), job_publisher, lambda _: True)
    assert lifecycle.cancel(submission).state is SubmissionState.CANCELED


def test_a_move_that_always_loses_its_races_is_refused(store: MemoryStore, job_publisher: GatewayPublisher) -> None:
    submission = keep(store, SubmissionState.RUNNING)
    lifecycle = Lifecycle(store, Overtaken(store, 100), job_publisher, lambda _: True)
    with pytest.raises(IllegalMove, match="keep changing"):
        lifecycle.cancel(submission)
    with pytest.raises(IllegalMove, match="keep changing"):
        lifecycle.delete(submission)
    assert stored(store, submission).state is SubmissionState.RUNNING


@pytest.mark.parametrize("removed", [False, True])
def test_a_deletion_that_another_gateway_left_is_finished(
    store: MemoryStore, job_publisher: GatewayPublisher, removed: bool
) -> None:
    class Stops(MemoryLifecycleStore):
        def remove(self, submission: Submission) -> bool:
            if removed:
                super().remove(submission)
            raise KeyboardInterrupt

    submission = keep(store, SubmissionState.FAILED)
    moves = Stops(store)
    with pytest.raises(KeyboardInterrupt):
        Lifecycle(store, moves, job_publisher, lambda _: True).delete(submission)
    later = MemoryLifecycleStore(store)
    later.due = moves.due
    survivor = Lifecycle(store, later, job_publisher, lambda _: True)
    survivor.finish_deletions()
    assert store.images, "it may be under way yet"
    store.clock.advance(61)
    survivor.finish_deletions()
    assert (store.documents, store.images, later.due) == ({}, {}, {})


def test_a_submission_is_shown_until_it_expires_and_then_gone(client: FlaskClient, store: MemoryStore) -> None:
    body = submit(client, retention_days="1").json
    assert body is not None
    store.clock.advance(86_401)
    assert "expired at" in refused(client.get(body["urls"]["self"]), 410, "submission-gone")


def test_documents_of_earlier_releases_are_read(store: MemoryStore) -> None:
    submission = make_submission()
    document = to_document(submission)
    del document["retries"]
    for step in document["steps"]:
        del step["faults"]
    store.documents[submission.id] = document
    assert stored(store, submission) == submission
