"""``showcase workflows validate|publish|retire|alias|rollback|traffic|audit``, against a scripted server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from showcase.client import Client
from showcase.commands import audit, catalogue, publishing, traffic
from tests.support.client_servers import ScriptedServer
from tests.unit.client.test_commands import Run, run

PUBLISHED = {"name": "numbers", "version": "v1.1.0", "aliases": []}
FAULTS = [{"line": 4, "column": 15, "message": "no"}, {"line": 6, "column": 2, "message": "neither"}]
PROBLEM = {"detail": "The workflow has 2 errors.", "code": "invalid-workflow", "status": 422}
Showcase = Callable[..., tuple[Run, ScriptedServer]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "v1.1.0.yaml"
    made.write_text("workflow: numbers\nversion: v1.1.0\n")
    return made


@pytest.fixture
def showcase(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Showcase:
    def made(body: Any, *arguments: str | Path, status: int = 200) -> tuple[Run, ScriptedServer]:
        script = ScriptedServer(lambda _: httpx.Response(status, json=body) if body else httpx.Response(204))
        for module in (audit, catalogue, publishing, traffic):
            monkeypatch.setattr(
                module, "Client", lambda _: Client("http://server.test", transport=httpx.MockTransport(script))
            )
        return run(monkeypatch, capsys, "workflows", *map(str, arguments)), script

    return made


def test_a_check_names_every_error_by_its_place(showcase: Showcase, file: Path) -> None:
    found = {"valid": False, "errors": FAULTS, "unserved_models": [{"name": "nobody", "version": "9.9.9"}]}
    ran, _ = showcase(found, "validate", file)
    assert ran.code == 1
    assert ran.out.splitlines() == [f"{file}:4:15: no", f"{file}:6:2: neither"]
    assert ran.err == f"{file}: no model server is known to serve nobody@9.9.9.\n"
    ran, _ = showcase(found, "validate", file, "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"file": str(file), **found})


def test_a_check_without_errors_says_so(showcase: Showcase, file: Path) -> None:
    ran, script = showcase({"valid": True, "errors": [], "unserved_models": []}, "validate", file, file)
    assert (ran.code, ran.out) == (0, "2 files checked, no error.\n")
    assert len(script.requests) == 2


def test_a_file_that_is_no_text_is_wrong_in_its_first_line(showcase: Showcase, file: Path) -> None:
    ran, _ = showcase({"detail": "The body is not UTF-8 text."}, "validate", file, status=400)
    assert (ran.code, ran.out) == (1, f"{file}:1:1: The body is not UTF-8 text.\n")


def test_publishing_says_what_it_did_and_how_to_run_it(showcase: Showcase, file: Path) -> None:
    ran, script = showcase(PUBLISHED, "publish", file, "--reason", "better", "--only-new", status=201)
    assert (ran.code, ran.out) == (0, "numbers v1.1.0: published.\n")
    assert "--workflow numbers --version v1.1.0" in ran.err
    assert script.requests[0].url.params["reason"] == "better"
    assert script.requests[0].headers["if-none-match"] == "*"
    ran, _ = showcase(PUBLISHED | {"aliases": ["stable"]}, "publish", file)
    assert (ran.out, ran.err) == ("numbers v1.1.0: was published before, with the same content.\n", "")
    ran, _ = showcase(PUBLISHED | {"draft": True}, "publish", file, "--json")
    assert json.loads(ran.out) == PUBLISHED | {"draft": True}


def test_a_refusal_shows_every_error_or_the_difference(showcase: Showcase, file: Path) -> None:
    ran, _ = showcase(PROBLEM | {"errors": FAULTS}, "publish", file, status=422)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines() == [f"{file}:4:15: no", f"{file}:6:2: neither", f"showcase: {PROBLEM['detail']}"]
    ran, _ = showcase({"detail": "Another content.", "diff": "-a\x1b[2J\n+b"}, "publish", file, status=409)
    assert (ran.code, ran.err.splitlines()) == (3, ["-a\ufffd[2J", "+b", "showcase: Another content."])
    ran, _ = showcase(PROBLEM | {"errors": FAULTS}, "publish", file, "--json", status=422)
    (line,) = ran.err.splitlines()
    assert json.loads(line)["errors"] == FAULTS


@pytest.mark.parametrize(
    ("arguments", "body", "said", "method"),
    [
        (["retire", "w", "v1.0.0"], None, "w v1.0.0: retired.", "DELETE"),
        (["retire", "w", "v1.0.0-draft"], None, "w v1.0.0-draft: deleted.", "DELETE"),
        (["alias", "w", "stable", "v1.1.0"], {"name": "w"}, "w: stable points to v1.1.0.", "PUT"),
        (["alias", "w", "next", "--remove"], None, "w: next is removed.", "DELETE"),
        (
            ["rollback", "w"],
            {"from": "v1.1.0", "to": "v1.0.0"},
            "w: stable points to v1.0.0 again, no longer to v1.1.0.",
            "POST",
        ),
        (["traffic", "w", "v1.0.0=90", "v1.1.0=10%"], {"name": "w"}, "w: v1.0.0 90 %, v1.1.0 10 %.", "PUT"),
        (["traffic", "w", "--end"], None, "w: submissions without a version run stable.", "DELETE"),
    ],
)
def test_every_change_is_one_request_and_one_sentence(
    showcase: Showcase, arguments: list[str], body: Any, said: str, method: str
) -> None:
    ran, script = showcase(body, *arguments, "--reason", "because")
    assert (ran.code, ran.out) == (0, f"{said}\n")
    (request,) = script.requests
    assert (request.method, request.url.params["reason"]) == (method, "because")
    ran, _ = showcase(body, *arguments, "--json")
    assert json.loads(ran.out)


def test_the_audit_log_is_a_table_or_lines_of_json(showcase: Showcase) -> None:
    common = {"at": "2026-01-02T03:04:05Z", "workflow": "w", "source": "api", "reason": None}
    moved = {"number": 2, "action": "alias.set", "alias": "stable", "version": "v1.1.0", "before": "v1.0.0"}
    published = {"number": 1, "action": "version.published", "version": "v1.1.0", "after": "sha256:" + "0" * 64}
    items = [moved | {"after": "v1.1.0"} | common | {"reason": "better"}, published | common]
    ran, script = showcase({"items": items, "next": None}, "audit", "--workflow", "w", "--limit", "1")
    assert ran.out.splitlines() == [
        "AT                    ACTION     WORKFLOW  OF      FROM    TO      BY   REASON",
        "2026-01-02 03:04:05Z  alias.set  w         stable  v1.0.0  v1.1.0  api  better",
    ]
    assert "raise --limit" in ran.err
    assert script.requests[0].url.params["workflow"] == "w"
    ran, _ = showcase({"items": items, "next": None}, "audit")
    assert "sha256:000000000000…" in ran.out
    ran, _ = showcase({"items": items, "next": None}, "audit", "--json")
    assert [json.loads(line) for line in ran.out.splitlines()] == items
    ran, _ = showcase({"items": [], "next": None}, "audit")
    assert (ran.code, ran.out, ran.err) == (0, "", "No change matches.\n")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], ""),
        (["--json"], ""),
        (["numbers"], "/numbers/stable"),
        (["--version", "next", "numbers"], "/numbers/next"),
        (["numbers", "--version", "next"], "/numbers/next"),
        (["show", "publish"], "/publish/stable"),
    ],
)
def test_a_word_that_is_no_command_is_a_workflow(showcase: Showcase, arguments: list[str], path: str) -> None:
    ran, script = showcase({"items": []} if not path else PUBLISHED, *arguments)
    assert ran.code == 0
    assert script.requests[0].url.path == f"/api/v2/workflows{path}"
