"""/health/ready, `status`, `doctor` and `up` all say what does not work, within a bounded time."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from deploy.local.errors import ClusterError
from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client

pytestmark = [pytest.mark.clusters("local"), pytest.mark.timeout(1200)]


Ran = subprocess.CompletedProcess[str]


def doctor(cluster: LocalCluster) -> Ran:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
    command = [sys.executable, "-m", "showcase", "doctor", "--url", cluster.url]
    ours["PYTHONPATH"] = str(CHECKOUT / "client" / "src")
    return subprocess.run(
        command, cwd=CHECKOUT, env=ours, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def up(cluster: LocalCluster) -> Ran:
    return cluster.attempt("up", "--timeout", "3")


def status(cluster: LocalCluster) -> Ran:
    return cluster.attempt("status")


def everyone_says(cluster: LocalCluster, client: Client, part: str, reason: str) -> None:
    """Wait until each of the four says that ``part`` is missing, for ``reason``."""

    def health() -> bool:
        answer = client.ready()
        return (
            answer.status_code == 503
            and answer.json()["parts"][part] == "missing"
            and reason in answer.json()["message"]
        )

    def told(command: Callable[[LocalCluster], Ran]) -> bool:
        ran = command(cluster)
        return ran.returncode == 1 and reason in ran.stdout + ran.stderr

    eventually(health)
    for command in (status, doctor, up):
        eventually(functools.partial(told, command))


@contextmanager
def frozen(cluster: LocalCluster, part: str) -> Iterator[None]:
    pid = cluster.pid(part)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def crashing(cluster: LocalCluster) -> Iterator[None]:
    """Kill the orchestrator each time that it has done some work: while it is up, it looks well."""
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.5):
            try:
                found = requests.get(f"{cluster.url}/health/ready", timeout=PATIENCE).json()
                pid = cluster.pid("orchestrator")
                if pid in {each["pid"] for each in found.get("orchestrators", {"working": []})["working"]}:
                    os.kill(pid, signal.SIGKILL)
            except (ClusterError, ProcessLookupError, requests.RequestException):
                continue

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


@contextmanager
def overloaded_model() -> Iterator[str]:
    """A model server whose ping is well and whose every prediction is refused for want of workers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, b'{"status": "Healthy"}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(503, b'{"type": "ServiceUnavailableException"}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_frozen_model_server_is_seen_without_a_submission(cluster: LocalCluster, client: Client) -> None:
    client.until_ready()
    with frozen(cluster, "torchserve"):
        eventually(lambda: "did not answer its ping" in client.ready().json().get("message", ""))
        shown = status(cluster)
        assert shown.returncode == 1
        assert "did not answer its ping" in shown.stdout
        told = doctor(cluster)
        assert told.returncode == 1
        assert "did not answer its ping" in told.stdout
        tried = up(cluster)
        assert tried.returncode == 1
        assert "torchserve is not ready" in tried.stderr  # it is looked at itself there
    client.until_ready()


def test_a_frozen_orchestrator_is_seen_although_it_is_connected(cluster: LocalCluster, client: Client) -> None:
    client.until_ready()
    with frozen(cluster, "orchestrator"):
        everyone_says(cluster, client, "orchestrator", "No orchestrator has done its work within the last")
    client.until_ready()


def test_an_orchestrator_that_keeps_crashing_is_not_ready(cluster: LocalCluster, client: Client) -> None:
    client.until_ready()
    with crashing(cluster):
        everyone_says(cluster, client, "orchestrator", "The orchestrator keeps crashing")
    eventually(lambda: client.ready().status_code == 200)
    shown = status(cluster)
    assert shown.returncode == 0, shown.stdout
    (row,) = [line.split("  ") for line in shown.stdout.splitlines() if line.startswith("orchestrator ")]
    assert int([cell.strip() for cell in row if cell.strip()][-2]) >= 5


def test_a_model_whose_breaker_is_open_is_named(cluster: LocalCluster, client: Client, samples: Path) -> None:
    with overloaded_model() as url:
        elsewhere = cluster.with_settings({"SHOWCASE_MODEL_SERVERS": f"digit_recognizer={url}"})
        elsewhere.up()
        identifiers = [client.submit(samples / "digits" / "digit_3.png", "workflow_000") for _ in range(6)]
        everyone_says(elsewhere, client, "models", "its circuit breaker is open")
    cluster.up()
    client.until_ready()
    assert [client.result(each)["prediction"]["digit"] for each in identifiers] == [3] * 6
