"""How a TorchServe is started, and when it counts as ready."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.torchserve.__main__ import parser
from deploy.torchserve.archives import Archive
from deploy.torchserve.launch import Launch
from deploy.torchserve.ports import listening_fault
from deploy.torchserve.ready import models_without_worker
from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    archives = [Archive("digit", "1.0.0", tmp_path / "digit_1.0.0.mar", "abc")]
    return Launch(
        archives=archives,
        model_store=tmp_path,
        state=tmp_path / "state",
        temporary=tmp_path / "t",
        logs=tmp_path / "logs",
        host="0.0.0.0",
    )


def test_only_the_inference_port_is_shown_to_others(launch: Launch) -> None:
    lines = dict(line.split("=", 1) for line in launch.configuration().splitlines() if "=" in line and line[0] != "#")
    assert lines["inference_address"] == "http://0.0.0.0:8080"
    for name in ("management_address", "metrics_address", "grpc_inference_address", "grpc_management_address"):
        assert "127.0.0.1" in lines[name]
    assert lines["load_models"] == "digit_1.0.0.mar"


def test_the_command_is_javas_own_process(launch: Launch) -> None:
    command = launch.command("/opt/java")
    assert command[0] == "/opt/java"
    assert str(launch.configuration_path) in command
    assert "-Xmx256m" in command


class Management:
    """Answers as TorchServe's management port does."""

    def __init__(self) -> None:
        self.models: dict[str, list[str]] = {}

    def __enter__(self) -> str:
        models = self.models

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/models?"):
                    body: object = {"models": [{"modelName": name} for name in models]}
                else:
                    states = models[self.path.split("/")[2]]
                    body = [{"modelVersion": "1.0", "workers": [{"status": state} for state in states]}]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_ready_means_a_ready_worker_for_every_model() -> None:
    management = Management()
    with management as url:
        assert models_without_worker(url) == ["any model"]
        management.models.update(a=["READY"], b=["UNLOADING", "READY"])
        assert models_without_worker(url) == []
        management.models.update(b=["UNLOADING"], c=[])
        assert models_without_worker(url) == ["b 1.0", "c 1.0"]


def test_a_taken_port_is_named_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "digits.mar", "w") as archive:
        manifest = {"model": {"modelName": "digits", "modelVersion": "1.0.0"}}
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-m", "deploy.torchserve", "--model-store", str(tmp_path), "--port", port]
        ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert listening_fault("127.0.0.1", int(port)) == "Address already in use"
    assert ran.returncode == 2
    assert f"cannot listen on port {port} of 127.0.0.1 (Address already in use)" in ran.stderr
    assert "--port N" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "65535", "70000", "-1", "http", "1.5", ""])
def test_a_port_that_does_not_exist_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([f"--port={text}"])
    assert f"{text!r} is not a port from 1 to 65534" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        ("deploy.torchserve", ["--model-store", "{folder}"], "holds no models; run: make models"),
        ("deploy.torchserve", ["--model-store", "{folder}", "--models", "x"], "holds no model named x"),
        ("deploy.torchserve.ready", ["--management-port", "1"], "port 1 does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, module: str, options: list[str], said: str) -> None:
    command = [sys.executable, "-m", module, *(option.format(folder=tmp_path) for option in options)]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode in {1, 2}
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
