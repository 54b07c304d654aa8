"""A submission's webhook: naming it, reading its deliveries, and replaying it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from contracts.submissions.documents import Submission, WebhookAttempt
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import event_id
from contracts.workflows.catalogue import Catalogue
from orchestrator.ports import Progress
from orchestrator.webhooks.schedule import Delivered, GiveUp
from tests.support.fake_outbox import MemoryOutbox
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app
from tests.unit.gateway.api.v2.test_submissions import ADDRESS, refused, submit

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
URL = "https://receiver.example/hook?a=b"


@pytest.fixture
def hooked(store: MemoryStore, job_publisher: GatewayPublisher, catalogue: Catalogue) -> FlaskClient:
    """An installation with a secret."""
    return make_app(store, job_publisher, catalogue, webhook_secret=SECRET).test_client()


class Story:
    """A submission with a webhook, and what an orchestrator does to it."""

    def __init__(self, client: FlaskClient, store: MemoryStore, **fields: Any) -> None:
        response = submit(client, **({"webhook": URL} | fields))
        assert response.status_code == 202, response.json
        assert response.json is not None
        self.id = response.json["id"]
        self.client, self.store, self.outbox = client, store, MemoryOutbox(store)

    @property
    def stored(self) -> Submission:
        stored = self.store.read(self.id)
        assert stored is not None
        return stored

    def end(self) -> str:
        claim = self.store.claim(self.stored, "owner", 60, Progress(self.stored.steps))
        assert claim is not None
        self.store.succeed(claim, Progress(self.stored.steps), {"digit": 7})
        return event_id(self.stored)

    def attempt(self, status: int, move: Delivered | GiveUp) -> None:
        (due,) = self.outbox.due(10)
        claimed = self.outbox.claim(due, 60)
        assert claimed is not None
        now = self.store.now()
        attempt = WebhookAttempt(id=event_id(claimed), started_at=now, ended_at=now, status=status)
        self.outbox.record(claimed, attempt, move)

    def shown(self) -> dict[str, Any]:
        response = self.client.get(f"{ADDRESS}/{self.id}/webhook")
        assert response.status_code == 200
        assert response.json is not None
        return dict(response.json)


@pytest.fixture
def story(hooked: FlaskClient, store: MemoryStore) -> Story:
    return Story(hooked, store)


def test_a_webhook_waits_for_the_end(story: Story) -> None:
    shown = story.shown()
    assert (shown["url"], shown["state"], shown["id"], shown["attempts"]) == (URL, "waiting", None, [])
    assert shown["urls"] == {
        "self": f"{ADDRESS}/{story.id}/webhook",
        "submission": f"{ADDRESS}/{story.id}",
        "replay": None,
    }


def test_at_the_end_it_is_due_and_then_sent(story: Story) -> None:
    identity = story.end()
    due = story.shown()
    assert (due["state"], due["id"], due["sent_at"]) == ("due", identity, None)
    assert due["due_at"] is not None
    story.attempt(204, Delivered())
    sent = story.shown()
    assert (sent["state"], sent["due_at"]) == ("sent", None)
    assert [(each["id"], each["status"], each["error"]) for each in sent["attempts"]] == [(identity, 204, None)]


def test_a_replay_makes_it_due_with_the_same_id(story: Story) -> None:
    identity = story.end()
    story.attempt(410, GiveUp("gone"))
    given_up = story.shown()
    assert given_up["state"] == "given_up"
    response = story.client.post(given_up["urls"]["replay"])
    assert response.status_code == 202
    assert response.json is not None
    assert (response.json["state"], response.json["id"]) == ("due", identity)
    assert len(response.json["attempts"]) == 1
    assert [due.submission_id for due in story.outbox.due(10)] == [story.id]


def test_before_the_end_there_is_nothing_to_replay(story: Story) -> None:
    address = f"{ADDRESS}/{story.id}/webhooks/{event_id(story.stored)}/replay"
    assert "queued" in refused(story.client.post(address), 409, "illegal-move")


def test_an_event_that_it_does_not_have_is_not_replayed(story: Story) -> None:
    story.end()
    response = story.client.post(f"{ADDRESS}/{story.id}/webhooks/msg_other_1/replay")
    assert event_id(story.stored) in refused(response, 404, "unknown-webhook")


def test_a_replay_that_comes_too_late_changes_nothing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = story.end()
    seen = story.stored
    story.store.documents[story.id] |= {"state": SubmissionState.QUEUED, "fence": 2}
    monkeypatch.setattr(story.store, "fetch", lambda _: seen)
    response = story.client.post(f"{ADDRESS}/{story.id}/webhooks/{identity}/replay")
    refused(response, 409, "illegal-move")


def test_a_submission_without_a_webhook_has_none(client: FlaskClient) -> None:
    body = submit(client).json
    assert body is not None
    shown = client.get(body["urls"]["webhook"]).json
    assert shown is not None
    assert (shown["state"], shown["url"], shown["attempts"], shown["urls"]["replay"]) == ("none", None, [], None)
    refused(client.post(f"{body['urls']['self']}/webhooks/msg_x_1/replay"), 404, "unknown-webhook")
    refused(client.get(f"{ADDRESS}/nothing/webhook"), 404, "unknown-submission")


def test_without_a_secret_a_webhook_is_refused_with_what_to_set(client: FlaskClient, store: MemoryStore) -> None:
    assert "SHOWCASE_WEBHOOK_SECRET" in refused(submit(client, webhook=URL), 403, "webhooks-off")
    assert store.documents == {}


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://localhost/", "ftp://a.example/", ""]
)
def test_a_webhook_that_may_not_be_called_is_refused(hooked: FlaskClient, store: MemoryStore, url: str) -> None:
    refused(submit(hooked, webhook=url), 400, "invalid-webhook")
    assert store.documents == {}


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080/", "http://receiver.internal/x"])
def test_the_operators_allow_list_holds_at_submission(hooked: FlaskClient, store: MemoryStore, url: str) -> None:
    assert Story(hooked, store, webhook=url).shown()["url"] == url
