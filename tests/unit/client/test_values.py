"""Images in, answers and files out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import BinaryIO, cast

import httpx
import pytest

from showcase.errors import ImageUnreadable, SubmissionFailed, UnexpectedAnswer, Unreachable
from showcase.images import Image
from showcase.queries import rfc3339, submission_path, whole_seconds
from showcase.resources import Submission
from tests.support.client_servers import ID, BrokenBody, ScriptedServer, client_for, submission, submission_response


def form(request: httpx.Request) -> tuple[dict[str, bytes], str]:
    """Return the fields of a multipart request, the file's content among them, and the file's name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = list(BytesParser(policy=HTTP).parsebytes(head + request.content).iter_parts())
    fields: dict[str, bytes] = {}
    for part in parts:
        field, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        assert isinstance(field, str)
        assert isinstance(content, bytes)
        fields[field] = content
    (name,) = filter(None, [part.get_filename() for part in parts])
    return fields, name


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "memory"])
def test_an_image_may_be_a_path_bytes_or_a_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(b"an image")
    script = ScriptedServer(submission_response("queued"))
    client, _ = client_for(script)
    with path.open("rb") as file:
        given: dict[str, Image] = {
            "path": path,
            "text": str(path),
            "bytes": b"an image",
            "file": file,
            "memory": io.BytesIO(b"an image"),
        }
        client.submit(given[kind], "workflow_000")
    fields, name = form(script.requests[0])
    assert fields == {"workflow": b"workflow_000", "image": b"an image"}
    assert name == ("seven.png" if kind in {"path", "text", "file"} else "image")


def test_every_field_of_a_submission_is_sent() -> None:
    script = ScriptedServer(submission_response("queued"))
    client, _ = client_for(script)
    client.submit(b"x", "w", "v1.2.3", {"a": "é"}, "https://hook.test/", retention_days=0.5, file_name="n.png")
    fields, name = form(script.requests[0])
    assert json.loads(fields.pop("metadata")) == {"a": "é"}
    expected = {"workflow": b"w", "version": b"v1.2.3", "webhook": b"https://hook.test/", "retention_days": b"0.5"}
    assert fields == {**expected, "image": b"x"}
    assert name == "n.png"


def test_an_image_that_cannot_be_read_is_never_sent(tmp_path: Path) -> None:
    script = ScriptedServer(submission_response())
    client, _ = client_for(script)
    closed = io.BytesIO(b"x")
    closed.close()
    text = cast("BinaryIO", io.StringIO("text"))
    images: list[Image] = [tmp_path, tmp_path / "none.png", closed, text]
    for image in images:
        with pytest.raises(ImageUnreadable):
            client.submit(image, "workflow_000")
    assert script.requests == []


def test_unknown_fields_and_states_are_kept() -> None:
    body = submission(colour="blue", steps=[{"name": "s", "model": {"name": "m", "age": 3}, "state": "resting"}])
    read = Submission.of(body)
    assert read.raw == body
    assert read.steps[0].state == "resting"


def test_an_invalid_submission_names_the_invalid_field() -> None:
    with pytest.raises(UnexpectedAnswer, match=r"created_at"):
        Submission.of(submission(created_at="yesterday"))


@pytest.mark.parametrize(
    ("state", "raises"), [("succeeded", False), ("running", False), ("failed", True), ("canceled", True)]
)
def test_raise_for_state_raises_for_failed_and_canceled(state: str, raises: bool) -> None:
    read = Submission.of(submission(state, reason="the model is gone"))
    if raises:
        with pytest.raises(SubmissionFailed, match="the model is gone"):
            read.raise_for_state()
    else:
        assert read.raise_for_state() is read


def test_a_list_fetches_the_next_page_only_when_it_is_needed() -> None:
    pages = [
        httpx.Response(200, json={"items": [submission()] * 2, "next": "c1"}),
        httpx.Response(200, json={"items": [submission()], "next": None}),
    ]
    script = ScriptedServer(*pages)
    client, _ = client_for(script)
    found = client.list(
        state="failed", created_after=datetime(2026, 1, 2, tzinfo=UTC), metadata={"k": "v"}, page_size=2
    )
    next(found)
    next(found)
    assert len(script.requests) == 1
    assert len(list(found)) == 1
    fitting = {"state": "failed", "created_after": "2026-01-02T00:00:00Z", "metadata.k": "v", "limit": "2"}
    assert [dict(request.url.params) for request in script.requests] == [fitting, {**fitting, "cursor": "c1"}]


def test_a_list_whose_pages_repeat_ends() -> None:
    client, _ = client_for(ScriptedServer(httpx.Response(200, json={"items": [], "next": "c1"})))
    with pytest.raises(UnexpectedAnswer):
        list(client.list())


def test_an_export_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("the last one")
    script = ScriptedServer(httpx.Response(200, stream=BrokenBody(b"half")), httpx.Response(200, content=b"whole"))
    client, _ = client_for(script)
    with pytest.raises(Unreachable):
        client.export(path, "csv")
    assert path.read_text() == "the last one"
    assert client.export(path, "csv", workflow="workflow_000") == 5
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
    assert dict(script.requests[1].url.params) == {"format": "csv", "workflow": "workflow_000"}
    memory = io.BytesIO()
    assert client.export(memory) == 5
    assert memory.getvalue() == b"whole"


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../x", "a?b", "é", "%2e"])
def test_an_id_is_one_segment_of_the_path(name: str) -> None:
    path = submission_path(name, "input")
    assert path.startswith("/api/v2/submissions/")
    assert path.count("/") == 5
    script = ScriptedServer(httpx.Response(200, content=b""))
    client, _ = client_for(script)
    client.input(name)
    assert script.requests[0].url.raw_path.decode() == path


def test_times_are_sent_in_utc_and_waits_in_whole_seconds() -> None:
    assert rfc3339(datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-02T01:04:00Z"
    assert rfc3339("2026-01-02") == "2026-01-02"
    assert rfc3339(None) is None
    assert [whole_seconds(each) for each in (-1, 0, 0.1, 59.5, 600)] == [0, 0, 1, 60, 60]


def test_a_forgotten_client_closes_its_connections() -> None:
    client, _ = client_for(ScriptedServer(submission_response()))
    http = client._transport._http
    client.get(ID)
    del client
    assert http.is_closed
