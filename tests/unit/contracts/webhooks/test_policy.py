"""The secret, the permitted targets, and the ids of events."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.errors import InvalidWebhook, WebhooksOff
from contracts.webhooks.policy import WebhookPolicy, event_id, parse_secrets
from runtime.settings import SharedSettings
from tests.support.factories import make_submission


def secret(size: int) -> str:
    return "whsec_" + base64.b64encode(b"x" * size).decode()


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_of_the_specifications_size_is_taken(size: int) -> None:
    assert parse_secrets(f" {secret(size)} ") == (secret(size),)


@pytest.mark.parametrize(
    "text", [secret(23), secret(65), secret(32)[6:], "whsec_?", "whsec_????", "hunter2hunter2", "whsec_é"]
)
def test_another_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a secret is whsec_ and 24 to 64 random bytes in base64") as caught:
        parse_secrets(text)
    assert text not in str(caught.value)


def test_two_secrets_hold_while_one_is_changed() -> None:
    assert parse_secrets(f"{secret(24)},{secret(32)}") == (secret(24), secret(32))
    assert parse_secrets("") == ()


def test_the_settings_refuse_what_cannot_be_used() -> None:
    wrong: list[dict[str, Any]] = [{"webhook_secret": "hunter2"}, {"webhook_allow": "10.0.0.1/8"}]
    for values in wrong:
        with pytest.raises(ValidationError) as caught:
            SharedSettings(**values)
        assert "hunter2" not in str(caught.value)


def test_without_a_secret_the_operator_is_told_what_to_set() -> None:
    with pytest.raises(WebhooksOff, match="SHOWCASE_WEBHOOK_SECRET"):
        WebhookPolicy.of("", "").accept("https://receiver.example/")


def test_a_webhook_that_is_accepted_is_not_due_yet() -> None:
    policy = WebhookPolicy.of(secret(32), "10.0.0.0/8")
    webhook = policy.accept("http://10.0.0.1/hook")
    assert (webhook.url, webhook.due_at, webhook.attempts) == ("http://10.0.0.1/hook", None, [])
    with pytest.raises(InvalidWebhook, match="private"):
        policy.accept("http://192.168.0.1/hook")


def test_an_event_keeps_its_id_until_the_submission_ends_once_more() -> None:
    first = make_submission(fence=2)
    assert event_id(first) == event_id(first.model_copy())
    assert event_id(first) != event_id(first.model_copy(update={"fence": 3}))
    assert event_id(first) != event_id(make_submission(fence=2))
    # Its signature is made over id.timestamp.body: a dot in the id would let one be taken for another.
    assert "." not in event_id(first)
