"""What docs/webhooks.md repeats of the code is held to it."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from contracts.errors import InvalidWebhook
from contracts.submissions.documents import Artifact, Submission
from contracts.submissions.states import SubmissionState
from contracts.webhooks.policy import parse_secrets
from contracts.webhooks.targets import _CLASSES, LONGEST_URL, NOTHING, check_url, parse_allowed
from gateway.api.v2.webhooks import DeliveryState
from orchestrator.adapters.webhooks.sender import DELIVERY_SECONDS
from orchestrator.webhooks.events import LONGEST_BODY, body, event, headers
from orchestrator.webhooks.schedule import JITTER, LONGEST_PAUSE_SECONDS, SCHEDULE_SECONDS
from tests.support.checkout import DOCS
from tests.support.factories import GATED, make_submission, make_workflow

PAGE = (DOCS / "webhooks.md").read_text()
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
TEXT = " ".join(PAGE.split())


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def ended() -> Submission:
    return make_submission(
        make_workflow(GATED),
        state=SubmissionState.SUCCEEDED,
        started_at=datetime.now(UTC),
        ended_at=datetime.now(UTC),
        result={"label": "abnormality", "score": 0.97, "image": {"artifact": "mask.png"}},
        artifacts=[Artifact(name="mask.png", media_type="image/png", bytes=734)],
    )


def test_the_receiver_verifies_what_we_send(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOWCASE_WEBHOOK_SECRET", SECRET)
    namespace: dict[str, Any] = {"__name__": "receiver"}
    exec(block("python"), namespace)  # noqa: S102  # the page's own example
    app: Flask = namespace["app"]
    submission = ended()
    sent = body(submission)
    for moment, status in [(datetime.now(UTC), 204), (datetime.now(UTC) - timedelta(minutes=6), 401)]:
        answer = app.test_client().post("/hook", data=sent, headers=headers([SECRET], submission, sent, moment))
        assert answer.status_code == status
    assert capsys.readouterr().out.startswith(f"submission.succeeded {submission.id}")


def test_the_example_has_an_events_shape() -> None:
    shown, real = json.loads(block("json")), event(ended())
    assert shown.keys() == real.keys()
    assert list(shown["data"]) == list(real["data"])
    for name in ("workflow", "urls", "result"):
        assert shown["data"][name].keys() == real["data"][name].keys()
    assert shown["data"]["artifacts"][0].keys() == real["data"]["artifacts"][0].keys()


def test_the_schedule_is_the_one_that_is_followed() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    units = {"seconds": 1, "minutes": 60, "hours": 3600}
    listed = [0 if row == "at once" else int(row.split()[0]) * units[row.split()[1]] for _, row in rows]
    assert [int(number) for number, _ in rows] == list(range(1, len(SCHEDULE_SECONDS) + 1))
    assert listed == list(SCHEDULE_SECONDS)
    assert (JITTER, LONGEST_PAUSE_SECONDS) == (0.1, 86_400)


def test_the_bounds_are_the_real_ones() -> None:
    assert f"at most {LONGEST_BODY // 1024} KiB" in TEXT
    assert f"longer than {LONGEST_URL} characters" in TEXT
    assert f"no answer within {DELIVERY_SECONDS:.0f} seconds" in TEXT
    for state in DeliveryState:
        assert f"`{state}`" in TEXT
    for name in headers([SECRET], ended(), b"", datetime.now(UTC)):
        assert name == "Content-Type" or f"| `{name}` |" in PAGE


def test_every_address_that_is_refused_is_listed() -> None:
    _, table = PAGE.split("| kind | addresses |\n|---|---|\n")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", table, re.MULTILINE)
    listed = [(kind, re.findall(r"`([^`]+)`", addresses)) for kind, addresses in rows]
    assert listed == [(kind.split(" ", 1)[1], list(networks)) for kind, networks in _CLASSES]


def test_the_settings_that_are_shown_can_be_used() -> None:
    (allow,) = re.findall(r'SHOWCASE_WEBHOOK_ALLOW="(.*)"', PAGE)
    for host in ("10.1.2.3", "127.0.0.1", "receiver.internal"):
        check_url(f"http://{host}/", parse_allowed(allow))
        if host[0].isdigit():
            with pytest.raises(InvalidWebhook):
                check_url(f"http://{host}/", NOTHING)
    assert "whsec_$(openssl rand -base64 32)" in PAGE
    assert parse_secrets("whsec_" + base64.b64encode(b"r" * 32).decode())
