"""What a webhook says, and that receivers can verify it with the specification's own library."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from contracts.submissions.documents import Artifact, Submission
from contracts.submissions.states import SubmissionState
from gateway.api.resources.submissions import resource
from gateway.submissions.ports import Backlog
from orchestrator.webhooks.events import LONGEST_BODY, body, event, headers
from tests.support.factories import GATED, NOW, make_submission, make_workflow

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def ended(**changes: Any) -> Submission:
    values: dict[str, Any] = {
        "state": SubmissionState.SUCCEEDED,
        "fence": 3,
        "started_at": NOW,
        "ended_at": NOW + timedelta(milliseconds=1500),
        "result": {"label": "abnormality", "image": {"artifact": "mask.png"}},
        "artifacts": [Artifact(name="mask.png", media_type="image/png", bytes=7)],
        "metadata": {"patient": "17"},
    }
    return make_submission(make_workflow(GATED), **values | changes)


def test_it_says_what_ended_and_where_to_find_the_rest() -> None:
    submission = ended()
    said = event(submission)
    assert (said["type"], said["timestamp"]) == ("submission.succeeded", "2026-03-01T12:00:01.500Z")
    data = said["data"]
    assert (data["id"], data["state"], data["reason"]) == (submission.id, "succeeded", None)
    assert data["metadata"] == {"patient": "17"}
    assert json.loads(body(submission)) == said


@pytest.mark.parametrize("state", [SubmissionState.FAILED, SubmissionState.CANCELED])
def test_other_ends_are_told_too(state: SubmissionState) -> None:
    said = event(ended(state=state, reason="because", result=None, artifacts=[]))
    assert said["type"] == f"submission.{state}"
    assert (said["data"]["reason"], said["data"]["result"]) == ("because", None)


def test_it_says_the_same_as_the_resource() -> None:
    submission = ended()
    shown = resource(submission, Backlog(0, 0.0), NOW).model_dump(mode="json")
    data = event(submission)["data"]
    for name in ("id", "workflow", "state", "reason", "result", "metadata", "artifacts"):
        assert data[name] == shown[name]
    assert data["urls"].items() <= shown["urls"].items()


def test_the_specifications_library_verifies_it() -> None:
    submission = ended(reason="Größe: 3 µm")
    sent = body(submission)
    said = headers([SECRET], submission, sent, datetime.now(UTC))
    assert Verifier(SECRET).verify(sent, said) == event(submission)
    with pytest.raises(WebhookVerificationError):
        Verifier(OTHER).verify(sent, said)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(sent + b" ", said)
    old = headers([SECRET], submission, sent, datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(sent, old)


def test_while_the_secret_is_changed_both_verify_it() -> None:
    submission = ended()
    sent = body(submission)
    said = headers([OTHER, SECRET], submission, sent, datetime.now(UTC))
    for secret in (SECRET, OTHER):
        Verifier(secret).verify(sent, said)


@pytest.mark.parametrize("name", ["result", "metadata", "reason"])
def test_what_is_too_long_is_left_to_the_resource(name: str) -> None:
    long = "é" * LONGEST_BODY
    sent = body(ended(**{name: long if name == "reason" else {"text": long}}))
    assert len(sent) <= LONGEST_BODY
    data = json.loads(sent)["data"]
    assert (data[name], data["left_out"]) == (None, [name])
    assert data["urls"]["self"].endswith(data["id"])
