"""What the doctor finds in a server's answers."""

from __future__ import annotations

import httpx
import pytest

from showcase.diagnosis import Finding, Verdict, diagnose
from showcase.retries import RetryPolicy
from tests.support.client_servers import Reply, ScriptedServer, client_for, problem_response

PARTS = {"store": "ready", "broker": "ready", "orchestrator": "ready", "models": "ready"}
SERVED = {"address": "http://models.test", "state": "answering"}


def findings(**answers: Reply) -> dict[str, Finding]:
    """Return the findings about a healthy server that gives these answers, named by the last part of the path."""
    model = {"name": "m", "versions": [{"version": "1.0.0", "served": SERVED}]}
    healthy: dict[str, Reply] = {
        "live": httpx.Response(200, json={"status": "alive"}),
        "ready": httpx.Response(200, json={"status": "ready", "accepting": True, "parts": PARTS}),
        "openapi": httpx.Response(200, json={"info": {"version": "0.2.0"}}),
        "workflows": httpx.Response(200, json={"items": [{"name": "workflow_000"}]}),
        "models": httpx.Response(200, json={"items": [model]}),
        **answers,
    }
    script = ScriptedServer(lambda request: healthy[request.url.path.rpartition("/")[2].removesuffix(".json")])
    client, _ = client_for(script, RetryPolicy(max_tries=1))
    return {finding.subject: finding for finding in diagnose(client)}


def missing(found: dict[str, Finding]) -> set[str]:
    return {subject for subject, finding in found.items() if finding.verdict is Verdict.MISSING}


def not_ready(**parts: str) -> httpx.Response:
    body = {"status": "not ready", "accepting": True, "parts": PARTS | parts, "message": "…"}
    return httpx.Response(503, json=body)


def test_a_healthy_server_needs_no_remedy() -> None:
    found = findings()
    assert {finding.verdict for finding in found.values()} == {Verdict.GOOD}
    assert "0.2.0" in found["api v2"].message
    assert "http://models.test" in found["model"].message


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named_with_its_remedy(part: str) -> None:
    found = findings(ready=not_ready(**{part: "missing"}))
    assert missing(found) == {part}
    assert "make up" in found[part].remedy


def test_a_part_of_unknown_state_is_not_missing() -> None:
    found = findings(ready=not_ready(broker="missing", orchestrator="missing"))
    assert missing(found) == {"broker"}
    assert found["orchestrator"].verdict is Verdict.UNKNOWN


def test_a_full_queue_is_reported_although_every_part_is_ready() -> None:
    body = {"status": "ready", "accepting": False, "parts": PARTS, "message": "Too many submissions wait."}
    found = findings(ready=httpx.Response(200, json=body))
    assert missing(found) == {"admission"}
    assert "SHOWCASE_QUEUE_LIMIT" in found["admission"].remedy


def test_a_model_that_does_not_answer_is_named_with_its_address() -> None:
    served = SERVED | {"state": "failing"}
    items = [{"name": "m", "versions": [{"version": "1.0.0", "served": served}]}]
    found = findings(models=httpx.Response(200, json={"items": items}))
    assert missing(found) == {"model"}
    assert found["model"].message == "m@1.0.0 does not answer at http://models.test"


JUDGED = {
    "name": "m",
    "version": "1.0.0",
    "ready": True,
    "address": "http://models.test",
    "state": "answering",
    "breaker": "closed",
    "reason": None,
}


def test_models_and_restarts_are_told_as_the_health_document_has_them() -> None:
    reason = "The model m@1.0.0 did not answer several calls in a row: its circuit breaker is open."
    body = {
        "status": "not ready",
        "accepting": True,
        "parts": PARTS | {"models": "missing"},
        "message": f"{reason} Meanwhile submissions are accepted and wait.",
        "orchestrators": {"working": [{}], "recent_starts": 16, "recent_crashes": 15},
        "models": [JUDGED | {"ready": False, "breaker": "open", "reason": reason}],
    }
    found = findings(ready=httpx.Response(503, json=body))
    assert missing(found) == {"models", "model"}
    assert found["model"].message == f"m@1.0.0: {reason}"
    assert "1 at work; in the last 5 minutes, starts: 16, crashes: 15" in found["orchestrator"].message
    assert found["message"].message == body["message"]


def test_a_model_that_a_look_found_is_not_called_untried() -> None:
    untried = {"name": "m", "versions": [{"version": "1.0.0", "served": SERVED | {"state": "untried"}}]}
    body = {"status": "ready", "accepting": True, "parts": PARTS, "models": [JUDGED]}
    found = findings(ready=httpx.Response(200, json=body), models=httpx.Response(200, json={"items": [untried]}))
    assert found["model"].message == "m@1.0.0 at http://models.test, answering, breaker closed"


@pytest.mark.parametrize("answer", [problem_response(404), problem_response(500), httpx.Response(200, text="hello")])
def test_the_other_checks_run_after_one_that_fails(answer: Reply) -> None:
    found = findings(openapi=answer)
    assert missing(found) == {"api v2"}
    assert {"workflows", "model"} <= set(found)


@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("refused"), httpx.ReadTimeout(""), problem_response(404), httpx.Response(200, text="<html>")],
)
def test_without_a_gateway_it_says_how_to_start_one_and_stops(answer: Reply) -> None:
    found = findings(live=answer)
    assert set(found) == {"client", "server"}
    assert found["server"].verdict is Verdict.MISSING
    assert "make up" in found["server"].remedy


def stored(submissions: int, size: int, counted: str | None = "2026-11-30T12:00:00+00:00") -> dict[str, object]:
    return {
        "submissions": submissions,
        "submissions_limit": 1000,
        "bytes": size,
        "bytes_limit": 4 * 2**30,
        "counted_until": counted,
    }


@pytest.mark.parametrize(
    ("report", "verdict", "words"),
    [
        (stored(17, 2**30), Verdict.GOOD, "17 of 1000 submissions, 1.00 GiB of 4.00 GiB"),
        (stored(17, 0) | {"submissions_limit": None, "bytes_limit": None}, Verdict.GOOD, "17 submissions, 0.00 GiB"),
        (stored(17, 2**30, None), Verdict.UNKNOWN, "still counting"),
        (stored(1000, 2**30), Verdict.MISSING, "refuses"),
        (stored(17, 4 * 2**30), Verdict.MISSING, "refuses"),
    ],
)
def test_what_is_stored_is_said_with_its_limits(report: dict[str, object], verdict: Verdict, words: str) -> None:
    full = verdict is Verdict.MISSING
    body = {"status": "ready", "accepting": not full, "parts": PARTS, "stored": report, "message": "…"}
    found = findings(ready=httpx.Response(200, json=body))
    assert (found["storage"].verdict, words in found["storage"].message) == (verdict, True)
    assert ("SHOWCASE_STORED_BYTES" in found["storage"].remedy, "admission" in found) == (full, False)
