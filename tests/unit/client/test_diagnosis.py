"""What the doctor makes of a server's answers."""

from __future__ import annotations

import httpx
import pytest

from showcase.diagnosis import Verdict, diagnose
from showcase.retries import RetryPolicy
from tests.support.client_servers import ScriptedServer, client_for, problem_response

PARTS = {"store": "ready", "broker": "ready", "orchestrator": "ready"}
SERVED = {"address": "http://models.test", "state": "answering"}


def told(**answers):
    """Return the findings about a server that is whole but for the answers given: by the address's last part."""
    model = {"name": "m", "versions": [{"version": "1.0.0", "served": SERVED}]}
    whole = {
        "live": httpx.Response(200, json={"status": "alive"}),
        "ready": httpx.Response(200, json={"status": "ready", "accepting": True, "parts": PARTS}),
        "openapi": httpx.Response(200, json={"info": {"version": "0.2.0"}}),
        "workflows": httpx.Response(200, json={"items": [{"name": "workflow_000"}]}),
        "models": httpx.Response(200, json={"items": [model]}),
    } | answers
    script = ScriptedServer(lambda request: whole[request.url.path.rpartition("/")[2].removesuffix(".json")])
    client, _ = client_for(script, RetryPolicy(max_tries=1))
    return {finding.subject: finding for finding in diagnose(client)}


def wrong(found):
    return {subject for subject, finding in found.items() if finding.verdict is Verdict.MISSING}


def not_ready(**parts):
    body = {"status": "not ready", "accepting": True, "parts": PARTS | parts, "message": "…"}
    return httpx.Response(503, json=body)


def test_a_whole_server_has_nothing_to_mend():
    found = told()
    assert {finding.verdict for finding in found.values()} == {Verdict.GOOD}
    assert "0.2.0" in found["api v2"].message
    assert "http://models.test" in found["model"].message


@pytest.mark.parametrize("part", PARTS)
def test_each_part_that_is_missing_is_named_with_what_to_do(part):
    found = told(ready=not_ready(**{part: "missing"}))
    assert wrong(found) == {part}
    assert "make up" in found[part].remedy


def test_what_nobody_can_know_is_no_fault_of_its_own():
    found = told(ready=not_ready(broker="missing", orchestrator="missing"))
    assert wrong(found) == {"broker"}
    assert found["orchestrator"].verdict is Verdict.UNKNOWN


def test_a_full_queue_is_told_though_every_part_is_there():
    body = {"status": "ready", "accepting": False, "parts": PARTS, "message": "Too many submissions wait."}
    found = told(ready=httpx.Response(200, json=body))
    assert wrong(found) == {"admission"}
    assert "SHOWCASE_QUEUE_LIMIT" in found["admission"].remedy


def test_a_model_that_does_not_answer_is_named_with_its_address():
    served = SERVED | {"state": "failing"}
    items = [{"name": "m", "versions": [{"version": "1.0.0", "served": served}]}]
    found = told(models=httpx.Response(200, json={"items": items}))
    assert wrong(found) == {"model"}
    assert found["model"].message == "m@1.0.0 does not answer at http://models.test"


@pytest.mark.parametrize("answer", [problem_response(404), problem_response(500), httpx.Response(200, text="hello")])
def test_one_look_that_fails_does_not_keep_the_others(answer):
    found = told(openapi=answer)
    assert wrong(found) == {"api v2"}
    assert {"workflows", "model"} <= set(found)


@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("refused"), httpx.ReadTimeout(""), problem_response(404), httpx.Response(200, text="<html>")],
)
def test_where_no_gateway_answers_it_says_how_to_start_one_and_looks_no_further(answer):
    found = told(live=answer)
    assert set(found) == {"client", "server"}
    assert found["server"].verdict is Verdict.MISSING
    assert "make up" in found["server"].remedy
