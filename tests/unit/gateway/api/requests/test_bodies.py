"""What a submission's body may look like: every part is read or refused with a sentence, never dropped."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import png
from tests.support.fakes import MemoryStore

V1 = "/api/v1/submit_image"
V2 = "/api/v2/submissions"
IMAGE = 'name="image"; filename="7.png"'
DIGITS = ('name="workflow"', b"digits")


def body(*parts: tuple[Any, ...]) -> bytes:
    """Each part: its disposition (text or bytes), its content, and further header lines."""
    found = b""
    for disposition, content, *lines in parts:
        named = disposition if isinstance(disposition, bytes) else disposition.encode()
        head = b"\r\n".join([b"Content-Disposition: form-data; " + named, *(line.encode() for line in lines)])
        found += b"--x\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
    return found + b"--x--\r\n"


def send(client: FlaskClient, *parts: tuple[Any, ...], path: str = V2, **headers: str) -> TestResponse:
    return client.post(
        path,
        data=body(*parts),
        content_type="multipart/form-data; boundary=x",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def detail(response: TestResponse, status: int = 400) -> str:
    assert response.status_code == status, response.text
    assert response.json is not None
    return str(response.json.get("detail", response.json.get("message")))


def test_fields_that_a_browser_sends_as_blobs_are_fields(client: FlaskClient, store: MemoryStore) -> None:
    blob = '; filename="blob"'
    response = send(
        client,
        (IMAGE, png()),
        ('name="workflow"' + blob, b"digits", "Content-Type: text/plain"),
        ('name="metadata"' + blob, b'{"patient": "17"}', "Content-Type: application/json"),
        ('name="version"' + blob, b"v1.9.0"),
        ('name="retention_days"' + blob, b"1"),
    )
    assert response.status_code == 202, response.text
    assert response.json is not None
    assert response.json["metadata"] == {"patient": "17"}
    assert response.json["workflow"]["version"] == "v1.9.0"
    stored = store.fetch(response.json["id"])
    assert stored is not None
    assert stored.expires_at is not None


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([(IMAGE, png())], "'image' came twice"),
        ([DIGITS], "'workflow' came twice"),
        ([('name="mask"; filename="mask.png"', png())], "no field 'mask'"),
        ([('name="priority"', b"1")], "no field 'priority'"),
        ([('filename="a.png"', b"1")], "has no name"),
        ([('name="metadata"', b"\xff{}")], "'metadata' is not UTF-8"),
        ([('name="metadata"; filename="blob"', b'{"a": "b", "a": "c"}')], "names 'a' twice"),
        ([('name="metadata"', b"{}", "Content-Type: text/plain; charset=utf-16")], "charset 'utf-16'"),
        ([('name="metadata"', b"[" * 100_000)], "nested too deeply"),
        ([('name="webhook"; filename="blob"', b"ftp://nowhere")], "webhook"),
    ],
)
def test_what_is_not_read_is_refused_with_a_sentence(
    client: FlaskClient, store: MemoryStore, parts: list[tuple[Any, ...]], words: str
) -> None:
    response = send(client, (IMAGE, png()), DIGITS, *parts)
    assert words in detail(response, response.status_code if words == "webhook" else 400)
    assert response.status_code >= 400
    assert store.documents == {}


def test_a_field_is_bounded(client: FlaskClient) -> None:
    detail(send(client, (IMAGE, png()), DIGITS, ('name="metadata"; filename="b"', b" " * 140_000)), 413)


@pytest.mark.parametrize(
    ("disposition", "file_name"),
    [
        ('name="image"', "image"),
        ('name="image"; filename=""', "image"),
        (b'name="image"; filename="Ofsl\xfatdyk.png"', "Ofslútdyk.png"),
        ('name="image"; filename="Ofslútdyk.png"', "Ofslútdyk.png"),
        ("name=\"image\"; filename*=UTF-8''Ofsl%C3%BAtdyk.png", "Ofslútdyk.png"),
        ('name=image; filename="a;b=c.png"', "a;b=c.png"),
        ('name="image"; filename=my picture.png', "my"),
    ],
)
def test_an_image_is_known_by_its_part_and_not_by_its_file_name(
    client: FlaskClient, disposition: Any, file_name: str
) -> None:
    response = send(client, (disposition, png(), "Content-Type: image/png"), DIGITS)
    assert response.status_code == 202, response.text
    assert response.json is not None
    assert response.json["input"]["file_name"] == file_name


def test_an_image_in_a_transfer_encoding_is_refused_for_that(client: FlaskClient) -> None:
    encoded = base64.b64encode(png())
    response = send(client, (IMAGE, encoded, "Content-Transfer-Encoding: base64"), DIGITS)
    assert "Content-Transfer-Encoding 'base64'" in detail(response)


@pytest.mark.parametrize("content", [b"garbage", b"--y\r\n", b"--x\r\nContent-Type: a/b\r\n\r\na\r\n--x--", b"--x"])
def test_a_body_that_is_no_form_says_so(client: FlaskClient, content: bytes) -> None:
    response = client.post(V2, data=content, content_type="multipart/form-data; boundary=x")
    assert "not the multipart/form-data" in detail(response)


def test_a_form_without_a_boundary_says_so(client: FlaskClient) -> None:
    response = client.post(V2, data=body((IMAGE, png()), DIGITS), content_type="multipart/form-data")
    assert "names no boundary" in detail(response)


def test_a_field_in_the_address_is_not_lost(client: FlaskClient, store: MemoryStore) -> None:
    response = send(client, (IMAGE, png()), DIGITS, path=V2 + "?retention_days=1")
    assert "'retention_days' is in the address" in detail(response)
    assert store.documents == {}


ENCODED = base64.b64encode(png()).decode()


@pytest.mark.parametrize(
    "image",
    [
        base64.urlsafe_b64encode(png()).decode(),
        ENCODED.rstrip("="),
        "\r\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76)) + "\n",
        f"data:image/png;base64,{ENCODED}",
        f"DATA:;name=7.png;BASE64,{ENCODED.replace('+', '%2B').replace('=', '%3D')}",
    ],
    ids=["url-safe", "unpadded", "lines", "data", "escaped data"],
)
def test_json_takes_every_usual_way_to_write_base64(client: FlaskClient, store: MemoryStore, image: str) -> None:
    response = client.post(V2, json={"workflow": "digits", "image": image})
    assert response.status_code == 202, response.text
    assert response.json is not None
    picture = store.image(response.json["id"], "input")
    assert picture is not None
    assert picture.data == png()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 30_000, "nested too deeply"),
        ("{", "not JSON"),
        ("", "not JSON"),
        ('{"retention_days": NaN}', "NaN"),
        ('{"workflow": "a", "workflow": "b"}', "names 'workflow' twice"),
        ('{"workflow": "digits", "image": "aGk=", "metadata": {"a": "b", "a": "c"}}', "names 'a' twice"),
        ('{"workflow": "digits", "image": "data:image/png,abc"}', "data: URI"),
        ('{"workflow": "digits", "image": ""}', "'image'"),
        ('{"workflow": "digits", "image": "aGk=", "mask": "aGk="}', "'mask'"),
    ],
)
def test_json_that_is_not_read_is_refused_with_a_sentence(client: FlaskClient, text: str, words: str) -> None:
    assert words in detail(client.post(V2, data=text, content_type="application/json"))


def test_an_error_never_repeats_a_long_name(client: FlaskClient) -> None:
    fields = {"workflow": "digits", "image": "aGk=", "metadata": {"k" * 100_000: "v"}}
    response = client.post(V2, data=json.dumps(fields), content_type="application/json")
    assert "k" * 65 not in detail(response)


def test_v1_reads_blobs_and_refuses_what_came_twice(client: FlaskClient) -> None:
    blob = ('name="workflow_name"; filename="blob"', b"digits")
    assert send(client, (IMAGE, png()), blob, path=V1).status_code == 200
    assert "'image' came twice" in detail(send(client, (IMAGE, png()), (IMAGE, png()), blob, path=V1))
    assert "'workflow_name' came twice" in detail(send(client, (IMAGE, png()), blob, blob, path=V1))
    latin = (b'name="image"; filename="Ofsl\xfatdyk.png"', png())
    assert send(client, latin, blob, path=V1).status_code == 200
    assert send(client, (IMAGE, png()), blob, ('name="note"', b"x"), path=V1).status_code == 200
