"""Bad input gets a clear 4xx, changes nothing, and leaves the service as it was."""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from PIL import Image

from tests.support.patience import PATIENCE
from tests.support.system import Client, Cluster

WORKFLOW = "workflow_000"
MIB = 1024 * 1024


def encoded(form: str, size: tuple[int, int] = (64, 64)) -> bytes:
    content = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(content, format=form)
    return content.getvalue()


def bomb(side: int = 20_000) -> bytes:
    """A PNG of side x side pixels in few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side + 1) * side, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "name", "status", "words"),
    [
        (encoded("GIF"), "x.png", 400, "not a PNG or JPEG"),
        (encoded("WEBP"), "x.jpg", 400, "not a PNG or JPEG"),
        (b"just text", "x.png", 400, "not a PNG or JPEG"),
        (b"", "x.png", 400, "0 bytes"),
        (encoded("PNG")[:-40], "x.png", 400, "damaged or cut off"),
        (encoded("JPEG")[:-900], "x.jpg", 400, "damaged or cut off"),
        (bomb(), "x.png", 400, "20000 x 20000 pixels"),
        (b"\0" * (11 * MIB), "x.png", 413, "10.0 MiB"),
        (b"\0" * (50 * MIB), "x.png", 413, "10.0 MiB"),
        (encoded("PNG"), "x.gif", 400, "extension"),
        (encoded("PNG"), "../../x.svg", 400, "extension"),
    ],
    ids=["gif", "webp", "text", "empty", "cut png", "cut jpeg", "bomb", "11 MiB", "50 MiB", "extension", "path"],
)
def test_what_cannot_be_accepted_is_refused_with_a_reason(
    client: Client, content: bytes, name: str, status: int, words: str
) -> None:
    response = client.send(content, WORKFLOW, name)
    assert response.status_code == status
    assert response.json()["status"] == "Failure"
    assert words in response.json()["message"]
    assert response.headers["Content-Type"] == "application/json"


def test_the_sentences_of_v1(client: Client, samples: Path) -> None:
    image = (samples / "digits" / "digit_1.png").read_bytes()
    address = f"{client.url}/api/v1/submit_image"

    def refusal(response: requests.Response) -> tuple[int, str]:
        assert response.json()["status"] == "Failure"
        return response.status_code, response.json()["message"]

    without = client.http.post(address, data={"workflow_name": WORKFLOW}, timeout=PATIENCE)
    assert refusal(without) == (400, "Image was not submitted.")
    wrong = (400, "File should have '.png', '.jpg', or '.jpeg' as extension.")
    assert refusal(client.send(image, WORKFLOW, "a.tiff")) == wrong
    assert refusal(client.send(image, None)) == (400, "Request should include 'workflow_name'.")
    assert refusal(client.send(image, "nope")) == (404, "Incorrect 'workflow_name' included in the request.")
    assert refusal(client.fetch("nope")) == (404, "Invalid submission_id.")
    assert refusal(client.fetch("6cd54622-ee71-4d36-98d2-ad0b897e0420")) == (404, "Invalid submission_id.")


def test_a_file_name_is_data(client: Client, samples: Path) -> None:
    identifier = client.submit(samples / "digits" / "digit_5.png", WORKFLOW, "../../x.png")
    assert client.result(identifier)["prediction"]["digit"] == 5
    assert client.record(identifier).input.file_name.endswith("x.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_type_is_found_from_the_content(client: Client, form: str) -> None:
    response = client.send(encoded(form), WORKFLOW, "x.jpeg")
    assert response.json()["file_type"] == f"image/{form.lower()}"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_picture_gets_an_answer(client: Client, mode: str) -> None:
    content = io.BytesIO()
    picture = Image.effect_noise((80, 50), 50)
    if mode == "I;16":
        picture = Image.frombytes("I;16", (80, 50), bytes(80 * 50 * 2))
    else:
        picture = picture.convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    picture.save(content, format="JPEG" if mode == "CMYK" else "PNG")
    for workflow in ("workflow_000", "workflow_001"):
        assert client.run(content.getvalue(), workflow)["status"] == "Success"


def test_a_broken_request_is_answered_in_the_same_shape(client: Client) -> None:
    address = f"{client.url}/api/v1/submit_image"
    for body, kind in ((b"{}", "application/json"), (b"--x\r\n", "multipart/form-data; boundary=x"), (b"", "")):
        response = client.http.post(address, data=body, headers={"Content-Type": kind}, timeout=PATIENCE)
        assert response.status_code == 400
        assert response.json().keys() == {"status", "message"}
    assert client.http.get(address, timeout=PATIENCE).status_code == 405
    assert client.http.get(f"{client.url}/nothing", timeout=PATIENCE).json().keys() == {"status", "message"}


def test_a_request_that_is_no_http_gets_json_and_a_closed_connection(client: Client) -> None:
    address = urlsplit(client.url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST /api/v1/submit_image HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n")
        # Read as a client reads: a proxy in between may hold the connection for the body that was promised.
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert json.load(answer)["status"] == "Failure"


def test_clients_that_send_a_byte_a_second_do_not_block_others(client: Client, samples: Path) -> None:
    address = urlsplit(client.url)
    slow = [socket.create_connection((address.hostname, address.port), timeout=PATIENCE) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /api/v1/submit_image HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(3):
            for connection in slow:
                connection.sendall(b"-")
            assert client.run(samples / "digits" / "digit_5.png", WORKFLOW)["prediction"]["digit"] == 5
    finally:
        for connection in slow:
            connection.close()


def test_memory_stays_flat_under_bad_input(client: Client, cluster: Cluster, samples: Path) -> None:
    process = psutil.Process(cluster.pid("gateway"))
    hostile = [bomb(), b"\0" * (11 * MIB), encoded("PNG", (2000, 2000))[:-40]]
    for content in hostile * 15:  # every thread has seen every kind: memory that grows from now on is a leak
        client.send(content, WORKFLOW)
    before = process.memory_info().rss
    for content in hostile * 10:
        assert client.send(content, WORKFLOW).status_code in {400, 413}
    grown = process.memory_info().rss - before
    assert grown < 20 * MIB, f"{grown / MIB:.0f} MiB"
    assert client.run(samples / "digits" / "digit_2.png", WORKFLOW)["prediction"]["digit"] == 2


def test_a_large_photo_is_accepted(client: Client) -> None:
    side = 1800
    photo = encoded("PNG", (side, side))
    assert 3 * MIB < len(photo) < 10 * MIB
    assert client.run(photo, WORKFLOW)["status"] == "Success"
