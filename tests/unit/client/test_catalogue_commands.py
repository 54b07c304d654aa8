"""``showcase workflows`` and ``showcase models``: each lists without a name, and shows one thing with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from showcase.client import Client
from showcase.commands import catalogue
from tests.support.client_servers import ScriptedServer

USE = {"workflow": "workflow_000", "version": "v1.0.0", "step": "recognition", "url": "/x"}
VERSION: dict[str, Any] = {
    "version": "1.0.0",
    "used_by": [USE],
    "weights": {"digest": "sha256:abc", "bytes": 2_097_152},
    "served": {"address": "http://models.test", "state": "answering", "seen_at": "2026-01-02T03:04:05.678Z"},
}
CARD = {
    "title": "Digits 1.0.0",
    "summary": "Reads one digit.",
    "figures": [
        {"name": "accuracy", "value": "99.67 %", "interval": "99.56 to 99.78 %"},
        {"name": "ECE", "value": "0.0016", "interval": None},
    ],
    "licence": "CC BY-SA 3.0",
    "text": "# Digits",
}
MODEL = {"name": "digits", "versions": [{**VERSION, "card": CARD}], "url": "/api/v2/models/digits"}
SUMMARY = {**MODEL, "title": "Digits 1.0.0", "licence": "CC BY-SA 3.0", "versions": [VERSION]}
WORKFLOW = {"name": "workflow_000", "version": "v1.0.0", "title": "Read a digit", "input": {"formats": ["png"]}}
PUBLISHED = {"name": "workflow_000", "title": "Read a digit", "aliases": {"stable": "v1.0.0"}}
ONE = {
    "/api/v2/models": {"items": [SUMMARY]},
    "/api/v2/models/digits": MODEL,
    "/api/v2/workflows": {"items": [PUBLISHED]},
    "/api/v2/workflows/workflow_000/stable": WORKFLOW,
}


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ONE[request.url.path])

    script = ScriptedServer(reply)
    monkeypatch.setattr(catalogue, "Client", lambda url: Client(url, transport=httpx.MockTransport(script)))


def test_a_model_is_shown_with_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    catalogue.models("digits", url="http://server.test")
    assert capsys.readouterr().out.splitlines() == [
        "model digits@1.0.0",
        "  title      Digits 1.0.0",
        "  summary    Reads one digit.",
        "  licence    CC BY-SA 3.0",
        "  weights    sha256:abc (2.0 MiB)",
        "  served at  http://models.test, answering",
        "  used by    workflow_000.recognition",
        "  figures    accuracy: 99.67 % (99.56 to 99.78 %)",
        "             ECE: 0.0016",
    ]


def test_a_model_without_card_weights_or_server_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = {"version": "1.0.0", "used_by": [USE], "weights": None, "served": None, "card": None}
    monkeypatch.setitem(ONE, "/api/v2/models/digits", {**MODEL, "versions": [bare, {**bare, "version": "0.9.0"}]})
    catalogue.models("digits", url="http://server.test")
    assert capsys.readouterr().out.splitlines() == [
        "model digits@1.0.0",
        "  served at  not reported",
        "  used by    workflow_000.recognition",
        "",
        "model digits@0.9.0",
        "  served at  not reported",
        "  used by    workflow_000.recognition",
    ]


@pytest.mark.parametrize(
    ("command", "name", "one", "listed"),
    [
        (catalogue.models, "digits", MODEL, SUMMARY),
        (catalogue.workflows, "workflow_000", WORKFLOW, PUBLISHED),
    ],
    ids=["models", "workflows"],
)
def test_each_lists_without_a_name_and_shows_one_with_it(
    capsys: pytest.CaptureFixture[str],
    command: Callable[..., None],
    name: str,
    one: dict[str, Any],
    listed: dict[str, Any],
) -> None:
    command(json=True, url="http://server.test")
    assert json.loads(capsys.readouterr().out) == listed
    command(name, json=True, url="http://server.test")
    assert json.loads(capsys.readouterr().out) == one
    command(url="http://server.test")
    assert name in capsys.readouterr().out
    command(name, url="http://server.test")
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "retired", "retired_at": "2026-01-02T03:04:05Z"}, "state     retired 2026-01-02 03:04:05Z"),
        ({"state": "published", "draft": True}, "state     draft: it may be overwritten"),
    ],
)
def test_an_unusual_version_says_what_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], words: str
) -> None:
    catalogue.workflows("workflow_000", url="http://server.test")
    assert "state" not in capsys.readouterr().out
    monkeypatch.setitem(ONE, "/api/v2/workflows/workflow_000/stable", {**WORKFLOW, **fields})
    catalogue.workflows("workflow_000", url="http://server.test")
    assert words in capsys.readouterr().out
