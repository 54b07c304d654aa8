"""The sender against real web servers: what arrives, which addresses are never called, how long a call may last."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.webhooks.targets import NOTHING, parse_allowed
from orchestrator.adapters.webhooks import connection
from orchestrator.adapters.webhooks.sender import ANSWER_BYTES, HttpSender
from tests.support.local_cluster import free_ports
from tests.support.receivers import NAME, Receiver, make_certificate, raw_server, receiver

LOOPBACK = parse_allowed("127.0.0.1/32")
BODY = json.dumps({"type": "submission.succeeded"}).encode()
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}


def no_names(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.fixture
def http() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def test_a_post_arrives_whole(http: Receiver) -> None:
    answer = HttpSender(LOOPBACK, resolve_name=no_names).post(f"http://127.0.0.1:{http.port}/a/b?c=d", HEADERS, BODY)
    assert (answer.status, answer.error) == (204, None)
    (received,) = http.received
    assert (received.path, received.body) == ("/a/b?c=d", BODY)
    assert received.headers["Host"] == f"127.0.0.1:{http.port}"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["Content-Type"] == "application/json"


def test_a_forbidden_address_is_never_called(http: Receiver) -> None:
    for host in ("127.0.0.1", "localhost"):
        answer = HttpSender(NOTHING).post(f"http://{host}:{http.port}/", HEADERS, BODY)
        assert answer.status is None
        assert "public" in str(answer.error)
    assert http.connections == []


def test_a_name_of_an_internal_address_is_never_called(http: Receiver) -> None:
    sender = HttpSender(parse_allowed("10.9.0.0/16"), resolve_name=lambda *_: ["127.0.0.1", "::1"])
    answer = sender.post(f"http://innocent.example:{http.port}/", HEADERS, BODY)
    assert answer.error == "innocent.example leads to a loopback address; a webhook goes to a public one."
    assert http.connections == []


def test_of_many_addresses_only_the_allowed_ones_are_called(http: Receiver) -> None:
    sender = HttpSender(LOOPBACK, resolve_name=lambda *_: ["127.0.0.2", "10.0.0.1", "127.0.0.1"])
    assert sender.post(f"http://innocent.example:{http.port}/", HEADERS, BODY).status == 204
    assert http.received[0].headers["Host"] == f"innocent.example:{http.port}"


def test_the_address_that_was_checked_is_the_one_that_is_called(
    http: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers something harmless first and our own network afterwards is asked once."""
    rebinding = itertools.chain([["127.0.0.1"]], itertools.repeat(["127.0.0.9"]))
    called: list[tuple[str, int]] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: tuple[str, int]) -> None:
        called.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    sender = HttpSender(LOOPBACK, resolve_name=lambda *_: next(rebinding))
    assert sender.post(f"http://{NAME}:{http.port}/", HEADERS, BODY).status == 204
    assert called == [("127.0.0.1", http.port)]
    refused = sender.post(f"http://{NAME}:{http.port}/", HEADERS, BODY)
    assert "loopback" in str(refused.error)
    assert len(called) == 1


def test_an_allowed_name_may_have_any_address(http: Receiver) -> None:
    sender = HttpSender(parse_allowed("localhost"))
    assert sender.post(f"http://localhost:{http.port}/", HEADERS, BODY).status == 204


def test_an_unknown_name_is_reported() -> None:
    def unknown(*_: object) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = HttpSender(LOOPBACK, resolve_name=unknown).post("http://nothing.example/", HEADERS, BODY)
    assert answer.error == "The receiver could not be reached: Name or service not known."


def test_names_are_looked_up_for_real() -> None:
    assert "127.0.0.1" in connection.resolve("localhost", 80)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(http: Receiver, status: int) -> None:
    with receiver() as inside:
        http.answers = [(status, {"Location": f"http://127.0.0.1:{inside.port}/"})]
        answer = HttpSender(LOOPBACK).post(f"http://127.0.0.1:{http.port}/", HEADERS, BODY)
        assert answer.status == status
        assert "redirect" in str(answer.error)
        assert inside.connections == []


def test_a_receiver_that_refuses_is_quoted_by_its_status_alone(http: Receiver) -> None:
    http.answers, http.answer_bytes = [(503, {"Retry-After": "120"})], 10
    answer = HttpSender(LOOPBACK).post(f"http://127.0.0.1:{http.port}/", HEADERS, BODY)
    assert (answer.status, answer.error, answer.retry_after_seconds) == (503, "The receiver answered 503.", 120)


def test_the_environments_proxy_is_not_used(http: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_ports(1)}")
    assert HttpSender(LOOPBACK).post(f"http://127.0.0.1:{http.port}/", HEADERS, BODY).status == 204


def test_with_tls_the_name_is_what_is_sent_and_checked(certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with receiver(certificate=certificate) as https:
        sender = HttpSender(LOOPBACK, tls=trusting, resolve_name=lambda *_: ["127.0.0.1"])
        assert sender.post(f"https://{NAME}:{https.port}/", HEADERS, BODY).status == 204
        assert https.server_names == [NAME]
        assert https.received[0].headers["Host"] == f"{NAME}:{https.port}"
        other = sender.post(f"https://other.test:{https.port}/", HEADERS, BODY)
        assert str(other.error).startswith("The receiver's certificate is not trusted: Hostname mismatch")
        address = sender.post(f"https://127.0.0.1:{https.port}/", HEADERS, BODY)
        assert str(address.error).startswith("The receiver's certificate is not trusted: IP address mismatch")
        assert len(https.received) == 1


def test_a_self_signed_certificate_is_not_trusted(certificate: tuple[Path, Path]) -> None:
    with receiver(certificate=certificate) as https:
        sender = HttpSender(LOOPBACK, resolve_name=lambda *_: ["127.0.0.1"])
        answer = sender.post(f"https://{NAME}:{https.port}/", HEADERS, BODY)
        assert str(answer.error).startswith("The receiver's certificate is not trusted: self-signed certificate")
        assert https.received == []


def test_a_refused_connection_is_reported() -> None:
    answer = HttpSender(LOOPBACK).post(f"http://127.0.0.1:{free_ports(1)}/", HEADERS, BODY)
    assert answer.error == "The receiver could not be reached: Connection refused."


def never(peer: socket.socket) -> None:
    """Say nothing until the sender hangs up."""
    while peer.recv(65536):
        pass


def drip_headers(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    pause = threading.Event()
    while True:
        peer.sendall(b"X-More: a\r\n")
        pause.wait(0.05)


def drip_body(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    pause = threading.Event()
    while True:
        peer.sendall(b"x")
        pause.wait(0.05)


def read_slowly(peer: socket.socket) -> None:
    pause = threading.Event()
    while peer.recv(1):
        pause.wait(0.01)


def test_a_receiver_that_reads_slowly_times_out() -> None:
    with raw_server(read_slowly) as port:
        sender = HttpSender(LOOPBACK, delivery_seconds=0.5)
        answer = sender.post(f"http://127.0.0.1:{port}/", HEADERS, b"x" * 32 * 1024 * 1024)
    assert (answer.status, answer.error) == (None, "The receiver did not answer in time.")


def test_a_refusal_before_the_body_was_read_counts() -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(1)
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nretry-AFTER: 7\r\nContent-Length: 0\r\n\r\n")
        peer.shutdown(socket.SHUT_RDWR)

    with raw_server(talk) as port:
        answer = HttpSender(LOOPBACK).post(f"http://127.0.0.1:{port}/", HEADERS, b"x" * 1024)
    assert (answer.status, answer.retry_after_seconds) == (413, 7)


@pytest.mark.parametrize("talk", [never, drip_headers])
def test_a_receiver_that_answers_slowly_times_out(talk: Callable[[socket.socket], None]) -> None:
    with raw_server(talk) as port:
        answer = HttpSender(LOOPBACK, delivery_seconds=0.5).post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert (answer.status, answer.error) == (None, "The receiver did not answer in time.")


def test_a_status_counts_without_the_rest_of_the_answer() -> None:
    with raw_server(drip_body) as port:
        answer = HttpSender(LOOPBACK, delivery_seconds=0.5).post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert answer.status == 200


def test_an_answer_is_read_up_to_its_bound() -> None:
    sent = []

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            sent.append(peer.send(b"x" * 65536))

    with raw_server(talk) as port:
        assert HttpSender(LOOPBACK).post(f"http://127.0.0.1:{port}/", HEADERS, BODY).status == 200
    # What the machine's buffers took beside what was read.
    assert sum(sent) < 16 * 1024 * 1024 + ANSWER_BYTES


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"\x16\x03\x01" * 100])
def test_a_malformed_answer_is_reported(said: bytes) -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(said)

    with raw_server(talk) as port:
        answer = HttpSender(LOOPBACK).post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert answer.status is None
    assert str(answer.error).startswith("The receiver could not be reached: ")


def test_a_tls_handshake_that_never_begins_times_out() -> None:
    with raw_server(never) as port:
        answer = HttpSender(LOOPBACK, delivery_seconds=0.5).post(f"https://127.0.0.1:{port}/", HEADERS, BODY)
    assert answer.error == "The receiver did not answer in time."
