"""How a TorchServe is started, and when it counts as ready."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.torchserve.__main__ import parser
from deploy.torchserve.archives import Archive
from deploy.torchserve.launch import Launch
from deploy.torchserve.ports import listening_fault
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
    for name in ("management_address", "metrics_address"):
        assert lines[name].startswith(f"unix:{launch.temporary}/"), "a TCP port takes orders from every user and page"
    for name in ("grpc_inference_address", "grpc_management_address"):
        assert lines[name] == "127.0.0.1"
    assert lines["load_models"] == "digit_1.0.0.mar"


def test_grpc_is_told_to_speak_a_tls_that_there_is_not(launch: Launch) -> None:
    launch.prepare()
    lines = launch.configuration_path.read_text().splitlines()
    assert "enable_grpc_ssl=true" in lines
    named = [
        Path(line.partition("=")[2]) for line in lines if line.startswith(("certificate_file=", "private_key_file="))
    ]
    [rules] = [Path(word.partition("=")[2]) for word in launch.command("java") if "security.properties" in word]
    for path in (*named, rules):
        assert path.read_text()
        assert path.parent == launch.state
    assert {"TLSv1.2", "TLSv1.3", "RSA", "EC"} <= set(rules.read_text().partition("=")[2].strip().split(", "))


def test_the_sockets_lie_where_only_their_owner_can_enter(launch: Launch) -> None:
    launch.temporary.mkdir(parents=True)
    launch.temporary.chmod(0o755)
    launch.prepare()
    assert launch.temporary.stat().st_mode & 0o777 == 0o700


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused(launch: Launch, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long for a socket"):
        replace(launch, temporary=tmp_path / ("x" * 100)).prepare()


def test_the_command_is_javas_own_process(launch: Launch) -> None:
    command = launch.command("/opt/java")
    assert command[0] == "/opt/java"
    assert str(launch.configuration_path) in command
    assert "-Xmx256m" in command


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
        ("deploy.torchserve.ready", ["--state", "{folder}"], "management.sock does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, module: str, options: list[str], said: str) -> None:
    command = [sys.executable, "-m", module, *(option.format(folder=tmp_path) for option in options)]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ran.returncode in {1, 2}
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
