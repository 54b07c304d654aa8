"""Workflows are checked, published, retired and moved over the API; every change is in the audit log."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from contracts.workflows.workflow_file import MAX_FILE_BYTES
from tests.support.factories import ONE_STEP, png
from tests.support.fakes import MemoryStore

WORKFLOWS = "/api/v2/workflows"
YAML = {"Content-Type": "application/yaml"}
NEW = ONE_STEP.replace("workflow: digits", "workflow: numbers")


def put(client: FlaskClient, text: str, name: str = "numbers", version: str = "v1.0.0", **headers: str) -> TestResponse:
    return client.put(f"{WORKFLOWS}/{name}/{version}", data=text, headers=YAML | headers)


def versioned(version: str) -> str:
    return NEW.replace("v1.0.0", version)


def publish(client: FlaskClient, *versions: str) -> None:
    for version in versions:
        response = put(client, versioned(version), version=version)
        assert response.status_code == 201, response.text


def submit(client: FlaskClient, **fields: str) -> TestResponse:
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow": "numbers"} | fields
    return client.post("/api/v2/submissions", data=form)


def run_by(client: FlaskClient, **fields: str) -> str:
    response = submit(client, **fields)
    assert response.status_code == 202, response.text
    return str(body(response)["workflow"]["version"])


def body(response: TestResponse) -> dict[str, Any]:
    assert isinstance(response.json, dict), response.text
    return response.json


def audit(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = body(client.get(f"/api/v2/audit{query}"))["items"]
    return items


# Checking.


def test_a_check_returns_every_error_with_its_place_and_publishes_nothing(client: FlaskClient) -> None:
    text = NEW.replace("@1.0.0", "").replace("kind: image", "kind: text")
    response = client.post(f"{WORKFLOWS}/validate", data=text, headers=YAML)
    assert response.status_code == 200
    found = body(response)
    assert not found["valid"]
    assert [(fault["line"], fault["column"]) for fault in found["errors"]] == [(4, 15), (6, 24)]
    assert "does not pin a model" in found["errors"][1]["message"]
    assert client.get(f"{WORKFLOWS}/numbers").status_code == 404


def test_a_check_names_the_models_that_nobody_serves(client: FlaskClient) -> None:
    text = NEW.replace("digit_recognizer@1.0.0", "nobody@9.9.9")
    found = body(client.post(f"{WORKFLOWS}/validate", data=text, headers=YAML))
    assert found == {"valid": True, "errors": [], "unserved_models": [{"name": "nobody", "version": "9.9.9"}]}


@pytest.mark.parametrize(
    ("data", "content_type", "status", "words"),
    [
        (b"", "application/yaml", 400, "The body is empty"),
        (b"\xff\xfe", "application/yaml", 400, "not UTF-8"),
        (b"{", "application/json", 400, "not JSON"),
        (b'{"workflow": "a", "workflow": "b"}', "application/json", 400, "twice"),
        (b"a", "image/png", 415, "content type"),
        (b"#" * (MAX_FILE_BYTES + 1), "application/yaml", 422, f"at most {MAX_FILE_BYTES} bytes"),
    ],
)
def test_a_body_that_is_no_text_is_refused(
    client: FlaskClient, data: bytes, content_type: str, status: int, words: str
) -> None:
    for response in (
        client.post(f"{WORKFLOWS}/validate", data=data, content_type=content_type),
        client.put(f"{WORKFLOWS}/numbers/v1.0.0", data=data, content_type=content_type),
    ):
        assert response.status_code == status
        assert words in body(response)["detail"]


# Publishing.


def test_a_published_version_is_listed_and_runs_at_once(client: FlaskClient, store: MemoryStore) -> None:
    response = put(client, NEW)
    assert response.status_code == 201
    assert response.headers["Location"] == f"{WORKFLOWS}/numbers/v1.0.0"
    found = body(response)
    assert (found["state"], found["draft"], found["aliases"]) == ("published", False, ["stable"])
    assert "numbers" in [each["name"] for each in body(client.get(WORKFLOWS))["items"]]
    accepted = submit(client)
    assert accepted.status_code == 202
    assert body(accepted)["workflow"]["digest"] == found["digest"]


def test_the_same_content_again_is_200_and_another_is_409_with_the_difference(client: FlaskClient) -> None:
    publish(client, "v1.0.0")
    assert put(client, NEW + "# a comment\n").status_code == 200
    response = put(client, NEW.replace("@1.0.0", "@1.0.1"))
    assert response.status_code == 409
    problem = body(response)
    assert problem["code"] == "workflow-conflict"
    assert problem["published_digest"] == body(client.get(f"{WORKFLOWS}/numbers/v1.0.0"))["digest"]
    assert problem["sent_digest"] != problem["published_digest"]
    assert "-  recognition: {model: digit_recognizer@1.0.0" in problem["diff"]
    assert "+  recognition: {model: digit_recognizer@1.0.1" in problem["diff"]


def test_json_is_the_same_as_yaml(client: FlaskClient) -> None:
    document = {
        "workflow": "numbers",
        "version": "v1.0.0",
        "title": 'Größe "x" \u2028 \U0001f600',
        "input": {"kind": "image"},
        "steps": {"recognition": {"model": "digit_recognizer@1.0.0", "timeout_seconds": 5}},
        "output": {"digit": "recognition.digit", "score": "recognition.score"},
    }
    for ascii_only in (True, False):
        data = json.dumps(document | {"title": "Größe 😀 \\"}, ensure_ascii=ascii_only)
        response = client.put(f"{WORKFLOWS}/numbers/v1.0.0", data=data, content_type="application/json")
        assert response.status_code in {200, 201}, response.text
        assert body(response)["title"] == "Größe 😀 \\"
    assert put(client, NEW).status_code == 200
    assert body(client.get(f"{WORKFLOWS}/numbers/v1.0.0"))["title"] == "numbers"


def test_if_none_match_leaves_a_version_that_exists(client: FlaskClient) -> None:
    star = {"If-None-Match": "*"}
    assert put(client, NEW, **star).status_code == 201
    response = put(client, "title: Another\n" + NEW, **star)
    assert (response.status_code, body(response)["code"]) == (412, "precondition-failed")
    assert body(client.get(f"{WORKFLOWS}/numbers/v1.0.0"))["title"] == "numbers"


def test_a_text_with_errors_is_422_with_all_of_them(client: FlaskClient) -> None:
    response = put(client, NEW.replace("@1.0.0", "").replace("kind: image", "kind: text"))
    assert response.status_code == 422
    problem = body(response)
    assert problem["code"] == "invalid-workflow"
    assert [fault["line"] for fault in problem["errors"]] == [4, 6]
    assert problem["detail"].startswith("The workflow has 2 errors. Line 4, column 15:")


@pytest.mark.parametrize(("name", "version"), [("others", "v1.0.0"), ("numbers", "v1.0.1")])
def test_a_text_of_another_address_is_refused(client: FlaskClient, name: str, version: str) -> None:
    response = put(client, NEW, name=name, version=version)
    assert response.status_code == 400
    assert "Let both name the same" in body(response)["detail"]


def test_a_draft_is_overwritten_and_runs_only_when_it_is_named(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0-draft")
    changed = versioned("v1.1.0-draft").replace("timeout_seconds: 5", "timeout_seconds: 6")
    response = put(client, changed, version="v1.1.0-draft")
    assert response.status_code == 200
    assert body(response)["draft"]
    assert run_by(client) == "v1.0.0"
    draft = body(submit(client, version="v1.1.0-draft"))
    assert draft["workflow"]["digest"] == body(response)["digest"]


@pytest.mark.parametrize(("version", "is_draft"), [("v1.0.0", False), ("v1.1.0-draft", True)])
def test_a_submission_says_everywhere_whether_it_runs_a_draft(
    client: FlaskClient, version: str, is_draft: bool
) -> None:
    publish(client, "v1.0.0", "v1.1.0-draft")
    accepted = body(submit(client, version=version))
    address = accepted["urls"]["self"]
    exported = client.get("/api/v2/export?format=ndjson").text.splitlines()
    shown = [
        accepted,
        body(client.get(address)),
        body(client.get(f"{address}/record")),
        body(client.get("/api/v2/submissions"))["items"][0],
        json.loads(exported[0]),
    ]
    assert [each["workflow"]["draft"] for each in shown] == [is_draft] * len(shown)
    client.delete(f"{WORKFLOWS}/numbers/{version}")  # a draft is then gone, and its submissions say it all the same
    assert body(client.get(address))["workflow"]["draft"] is is_draft


# Retiring.


def test_a_retired_version_refuses_submissions_and_names_its_successor(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    assert client.delete(f"{WORKFLOWS}/numbers/v1.0.0").status_code == 204
    assert client.delete(f"{WORKFLOWS}/numbers/v1.0.0").status_code == 204
    for fields in ({}, {"version": "v1.0.0"}, {"version": "stable"}):
        response = submit(client, **fields)
        assert response.status_code == 410
        assert (body(response)["code"], body(response)["successor"]) == ("workflow-retired", "v1.1.0")
    shown = body(client.get(f"{WORKFLOWS}/numbers"))
    assert [each["version"] for each in shown["versions"]] == ["v1.1.0"]
    assert body(client.get(f"{WORKFLOWS}/numbers/v1.0.0"))["state"] == "retired"
    assert put(client, NEW).status_code == 200
    assert run_by(client) == "v1.0.0"


def test_a_workflow_without_a_version_left_is_not_listed(client: FlaskClient) -> None:
    publish(client, "v1.0.0")
    client.delete(f"{WORKFLOWS}/numbers/v1.0.0")
    assert "numbers" not in [each["name"] for each in body(client.get(WORKFLOWS))["items"]]
    assert client.get(f"{WORKFLOWS}/numbers").status_code == 404
    form = {"image": (io.BytesIO(png()), "a.png"), "workflow_name": "numbers"}
    response = client.post("/api/v1/submit_image", data=form)
    assert response.status_code == 410
    assert "is retired" in body(response)["message"]
    assert client.get("/").status_code == 200


# Moving traffic.


def test_stable_moves_and_rolls_back_at_once(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    response = client.put(f"{WORKFLOWS}/numbers/aliases/stable?reason=better", json={"version": "v1.1.0"})
    assert response.status_code == 200
    assert body(response)["aliases"] == {"stable": "v1.1.0"}
    assert run_by(client) == "v1.1.0"
    response = client.post(f"{WORKFLOWS}/numbers/rollback")
    assert (response.status_code, response.json) == (200, {"from": "v1.1.0", "to": "v1.0.0"})
    assert run_by(client) == "v1.0.0"
    assert client.post(f"{WORKFLOWS}/numbers/rollback").status_code == 409


def test_an_alias_of_ones_own_is_set_and_removed(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    address = f"{WORKFLOWS}/numbers/aliases/next"
    assert client.put(address, json={"version": "v1.1.0"}).status_code == 200
    assert run_by(client, version="next") == "v1.1.0"
    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 404
    assert submit(client, version="next").status_code == 404
    assert client.delete(f"{WORKFLOWS}/numbers/aliases/stable").status_code == 409


def test_traffic_is_split_until_stable_is_named_or_moved(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    response = client.put(f"{WORKFLOWS}/numbers/traffic", json={"v1.0.0": 50, "v1.1.0": 50})
    assert (response.status_code, body(response)["traffic"]) == (200, {"v1.0.0": 50, "v1.1.0": 50})
    assert {run_by(client) for _ in range(60)} == {"v1.0.0", "v1.1.0"}
    assert {run_by(client, version="stable") for _ in range(20)} == {"v1.0.0"}
    assert client.delete(f"{WORKFLOWS}/numbers/traffic").status_code == 204
    assert {run_by(client) for _ in range(20)} == {"v1.0.0"}
    client.put(f"{WORKFLOWS}/numbers/traffic", json={"v1.1.0": 100})
    assert run_by(client) == "v1.1.0"
    client.put(f"{WORKFLOWS}/numbers/aliases/stable", json={"version": "v1.0.0"})
    assert run_by(client) == "v1.0.0"


def test_a_repeated_request_keeps_its_version(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    client.put(f"{WORKFLOWS}/numbers/traffic", json={"v1.0.0": 50, "v1.1.0": 50})
    for number in range(10):
        answers = []
        for _ in range(2):
            form = {"image": (io.BytesIO(png()), "a.png"), "workflow": "numbers"}
            answers.append(client.post("/api/v2/submissions", data=form, headers={"Idempotency-Key": f"k{number}"}))
        assert body(answers[0])["id"] == body(answers[1])["id"]
        assert body(answers[0])["workflow"] == body(answers[1])["workflow"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "DELETE this address"),
        ({"v1.0.0": 99}, "sum to 100"),
        ({"v1.0.0": "100"}, "v1.0.0"),
        ({"v1.0.0": 100.0}, "v1.0.0"),
        ({"v1.0.0": True}, "v1.0.0"),
        ({"v1.0.0": -1, "v1.1.0": 101}, "v1.0.0"),
        ([], "dictionary"),
        ({f"v{number}.0.0": 0 for number in range(11)}, "at most 10"),
    ],
)
def test_a_wrong_split_is_refused(client: FlaskClient, content: object, words: str) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    response = client.put(f"{WORKFLOWS}/numbers/traffic", json=content)
    assert response.status_code == 400
    assert words in body(response)["detail"]
    assert body(client.get(f"{WORKFLOWS}/numbers"))["traffic"] == {}


@pytest.mark.parametrize("content", [{}, {"version": ""}, {"version": 1}, {"version": "v1.0.0", "more": 1}, []])
def test_a_wrong_alias_body_is_refused(client: FlaskClient, content: object) -> None:
    publish(client, "v1.0.0")
    response = client.put(f"{WORKFLOWS}/numbers/aliases/next", json=content)
    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("method", "address", "content"),
    [
        ("PUT", "nothing/aliases/stable", {"version": "v1.0.0"}),
        ("PUT", "digits/aliases/stable", {"version": "v9.0.0"}),
        ("DELETE", "nothing/v1.0.0", None),
        ("DELETE", "digits/v9.0.0", None),
        ("POST", "nothing/rollback", None),
        ("PUT", "nothing/traffic", {"v1.0.0": 100}),
        ("PUT", "digits/traffic", {"v9.0.0": 100}),
        ("DELETE", "nothing/traffic", None),
    ],
)
def test_what_is_not_there_is_404(client: FlaskClient, method: str, address: str, content: object) -> None:
    response = client.open(f"{WORKFLOWS}/{address}", method=method, json=content)
    assert (response.status_code, body(response)["code"]) == (404, "unknown-workflow")


# The audit log.


def test_every_change_is_in_the_log_with_its_reason(client: FlaskClient) -> None:
    publish(client, "v1.0.0", "v1.1.0")
    client.put(f"{WORKFLOWS}/numbers/aliases/stable?reason=it%20is%20better", json={"version": "v1.1.0"})
    client.put(f"{WORKFLOWS}/numbers/aliases/stable", json={"version": "v1.1.0"})  # changes nothing
    client.put(f"{WORKFLOWS}/numbers/traffic", json={"v1.0.0": 90, "v1.1.0": 10})
    client.post(f"{WORKFLOWS}/numbers/rollback")
    client.delete(f"{WORKFLOWS}/numbers/v1.1.0")
    found = audit(client)
    assert [each["number"] for each in found] == [6, 5, 4, 3, 2, 1]
    assert [each["action"] for each in reversed(found)] == [
        "version.published",
        "version.published",
        "alias.set",
        "traffic.split",
        "alias.rolled_back",
        "version.retired",
    ]
    assert {each["source"] for each in found} == {"api"}
    assert found[3] == {
        "number": 3,
        "at": found[3]["at"],
        "action": "alias.set",
        "workflow": "numbers",
        "version": "v1.1.0",
        "alias": "stable",
        "before": "v1.0.0",
        "after": "v1.1.0",
        "reason": "it is better",
        "source": "api",
    }


def test_the_log_is_filtered_and_paged(client: FlaskClient) -> None:
    publish(client, "v1.0.0", *(f"v1.{number}.0" for number in range(1, 8)))
    put(client, NEW.replace("numbers", "others"), name="others")
    assert [each["workflow"] for each in audit(client, "?workflow=others")] == ["others"]
    assert audit(client, "?action=alias.set") == []
    seen: list[int] = []
    cursor: int | None = 100
    while cursor is not None:
        page = body(client.get(f"/api/v2/audit?limit=3&cursor={cursor}"))
        assert len(page["items"]) <= 3
        seen += [each["number"] for each in page["items"]]
        cursor = page["next"]
    assert seen == list(range(9, 0, -1))


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=0", "cursor=x"])
def test_a_wrong_page_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/v2/audit?{query}").status_code == 400
