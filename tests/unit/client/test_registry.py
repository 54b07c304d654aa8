"""The client publishes, retires and moves workflows, and reads the audit log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from showcase import Client
from showcase.errors import Conflict, FileUnreadable, Invalid, PreconditionFailed, Unavailable, UnexpectedAnswer
from showcase.workflow_files import WorkflowSource
from tests.support.client_servers import ScriptedServer, client_for, problem_response, submission_response

TEXT = "workflow: numbers\nversion: v1.1.0\nsteps: {}\n"
PUBLISHED: dict[str, Any] = {"name": "numbers", "version": "v1.1.0", "aliases": [], "state": "published"}
SUMMARY = {"name": "numbers", "aliases": {"stable": "v1.0.0"}, "traffic": {"v1.0.0": 90, "v1.1.0": 10}}


def ok(body: Any = None, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)


def test_every_call_goes_where_the_api_has_it() -> None:
    script = ScriptedServer(
        *(ok(PUBLISHED, 201), ok(status=204), ok(SUMMARY), ok(status=204)),
        *(ok({"from": "v1.1.0", "to": "v1.0.0"}), ok(SUMMARY), ok(status=204)),
    )
    client, _ = client_for(script)
    assert client.publish_workflow(TEXT, reason="a better one").created
    client.retire_workflow("numbers", "v1.0.0", "old")
    assert client.set_alias("numbers", "stable", "v1.1.0").traffic == {"v1.0.0": 90, "v1.1.0": 10}
    client.remove_alias("numbers", "next")
    assert client.roll_back("numbers", "worse") == ("v1.1.0", "v1.0.0")
    client.split_traffic("numbers", {"v1.0.0": 90, "v1.1.0": 10})
    client.end_split("numbers")
    base = "/api/v2/workflows/numbers"
    assert [(each.method, each.url.raw_path.decode()) for each in script.requests] == [
        ("PUT", f"{base}/v1.1.0?reason=a+better+one"),
        ("DELETE", f"{base}/v1.0.0?reason=old"),
        ("PUT", f"{base}/aliases/stable"),
        ("DELETE", f"{base}/aliases/next"),
        ("POST", f"{base}/rollback?reason=worse"),
        ("PUT", f"{base}/traffic"),
        ("DELETE", f"{base}/traffic"),
    ]
    assert script.requests[0].content == TEXT.encode()
    assert json.loads(script.requests[2].content) == {"version": "v1.1.0"}
    assert json.loads(script.requests[5].content) == {"v1.0.0": 90, "v1.1.0": 10}


@pytest.mark.parametrize("given", ["text", "path", "name"])
@pytest.mark.parametrize("media_type", ["application/yaml", "application/json"])
def test_a_workflow_is_a_text_or_a_file_and_names_its_own_address(tmp_path: Path, given: str, media_type: str) -> None:
    text = TEXT if media_type.endswith("yaml") else '{"workflow": "numbers", "version": "v1.1.0"}'
    path = tmp_path / "any.txt"
    path.write_text(text)
    script = ScriptedServer(ok(PUBLISHED))
    client, _ = client_for(script)
    sources: dict[str, WorkflowSource] = {"text": text, "path": path, "name": str(path)}
    found = client.publish_workflow(sources[given])
    assert not found.created
    (request,) = script.requests
    assert (request.url.path, request.content) == ("/api/v2/workflows/numbers/v1.1.0", text.encode())
    assert request.headers["content-type"] == media_type
    assert "if-none-match" not in request.headers


@pytest.mark.parametrize(
    "text",
    [
        "a: [\n",
        "- a\n- b\n",
        "workflow: 1\nversion: 1.0\n",
        "workflow: a/../b\nversion: v1 0\n",
        "\n\x00",
        "[" * 9999 + "\n",
    ],
)
def test_a_text_without_a_name_is_sent_for_the_server_to_refuse(text: str) -> None:
    script = ScriptedServer(problem_response(422, "invalid-workflow"))
    client, _ = client_for(script)
    with pytest.raises(Invalid):
        client.publish_workflow(text)
    assert script.requests[0].url.path == "/api/v2/workflows/unnamed/unnamed"
    assert script.requests[0].content == text.encode()


def test_a_file_that_cannot_be_read_is_never_sent(tmp_path: Path) -> None:
    script = ScriptedServer(ok(PUBLISHED))
    client, _ = client_for(script)
    for source in (tmp_path, tmp_path / "none.yaml", "none.yaml", "a\0b"):
        for call in (client.publish_workflow, client.validate_workflow):
            with pytest.raises(FileUnreadable, match="cannot be read"):
                call(source)
    assert script.requests == []


def test_a_check_returns_every_error() -> None:
    body = {
        "valid": False,
        "errors": [{"line": 4, "column": 15, "message": "no"}],
        "unserved_models": [{"name": "nobody", "version": "9.9.9"}],
    }
    script = ScriptedServer(ok(body))
    client, _ = client_for(script)
    found = client.validate_workflow(TEXT)
    assert not found.valid
    assert [(each.line, each.column, each.message) for each in found.errors] == [(4, 15, "no")]
    assert [str(each) for each in found.unserved_models] == ["nobody@9.9.9"]
    assert script.requests[0].url.path == "/api/v2/workflows/validate"


def test_an_error_keeps_what_its_problem_says_beyond_the_sentence() -> None:
    members = {"published_digest": "sha256:1", "sent_digest": "sha256:2", "diff": "-a\n+b"}
    problem = {"type": "/problems/x", "title": "T", "status": 409, "detail": "D", "code": "x", "instance": "/i"}
    client, _ = client_for(ScriptedServer(ok(problem | members, 409)))
    with pytest.raises(Conflict, match="D") as raised:
        client.publish_workflow(TEXT)
    assert raised.value.extensions == members


def test_only_new_asks_for_no_version_to_be_there() -> None:
    script = ScriptedServer(problem_response(412))
    client, _ = client_for(script)
    with pytest.raises(PreconditionFailed):
        client.publish_workflow(TEXT, only_new=True)
    assert script.requests[0].headers["if-none-match"] == "*"


@pytest.mark.parametrize(
    ("call", "repeated"),
    [
        (lambda client: client.publish_workflow(TEXT), True),
        (lambda client: client.publish_workflow(TEXT, only_new=True), False),
        (lambda client: client.validate_workflow(TEXT), True),
        (lambda client: client.set_alias("a", "b", "v1.0.0"), True),
        (lambda client: client.split_traffic("a", {"v1.0.0": 100}), True),
        (lambda client: client.end_split("a"), True),
        (lambda client: client.roll_back("a"), False),
        (lambda client: client.remove_alias("a", "b"), False),
        (lambda client: client.retire_workflow("a", "v1.0.0-draft"), False),
    ],
)
def test_only_what_is_safe_to_repeat_is_repeated_when_its_outcome_is_unknown(
    call: Callable[[Client], object], repeated: bool
) -> None:
    script = ScriptedServer(problem_response(502))
    client, _ = client_for(script)
    with pytest.raises(Unavailable):
        call(client)
    assert (len(script.requests) > 1) == repeated


@pytest.mark.parametrize("body", [{}, {"from": "v1.0.0"}, {"from": 1, "to": 2}, []])
def test_a_rollback_without_versions_is_no_answer(body: Any) -> None:
    client, _ = client_for(ScriptedServer(ok(body)))
    with pytest.raises(UnexpectedAnswer):
        client.roll_back("numbers")


def entry(number: int) -> dict[str, Any]:
    return {"number": number, "at": "2026-01-02T03:04:05Z", "action": "alias.set", "workflow": "w", "source": "api"}


def test_the_audit_log_is_read_page_by_page_also_over_empty_pages() -> None:
    script = ScriptedServer(
        ok({"items": [entry(9), entry(8)], "next": 8}),
        ok({"items": [], "next": 4}),
        ok({"items": [entry(3)], "next": None}),
    )
    client, _ = client_for(script)
    found = client.audit("w", "alias.set", page_size=2)
    assert next(found).number == 9
    assert len(script.requests) == 1
    assert [each.number for each in found] == [8, 3]
    fitting = {"workflow": "w", "action": "alias.set", "limit": "2"}
    queries = [dict(request.url.params) for request in script.requests]
    assert queries == [fitting, {**fitting, "cursor": "8"}, {**fitting, "cursor": "4"}]


@pytest.mark.parametrize("following", [8, "x"])
def test_an_audit_log_whose_pages_repeat_ends(following: object) -> None:
    client, _ = client_for(ScriptedServer(ok({"items": [], "next": following})))
    with pytest.raises(UnexpectedAnswer):
        list(client.audit())


def test_the_new_fields_are_read() -> None:
    times = {"published_at": "2026-01-02T03:04:05Z", "retired_at": "2026-01-03T03:04:05Z"}
    fields = {"description": "d", "state": "retired", "draft": True, "content_digest": "sha256:2"} | times
    version = {"version": "v1.1.0-draft", "draft": True, "digest": "x", "published_at": times["published_at"]}
    script = ScriptedServer(
        ok(PUBLISHED | fields),
        ok({"items": [SUMMARY | {"versions": [version]}]}),
        submission_response(workflow={"name": "n", "version": "v1.1.0-draft", "digest": "x", "draft": True}),
    )
    client, _ = client_for(script)
    workflow = client.workflow("numbers", "v1.1.0")
    assert (workflow.description, workflow.state, workflow.content_digest) == ("d", "retired", "sha256:2")
    assert workflow.draft
    assert workflow.published_at is not None
    assert workflow.retired_at is not None
    (summary,) = client.workflows()
    assert summary.versions[0].draft
    assert summary.versions[0].published_at == workflow.published_at
    assert client.get("x").workflow.draft
