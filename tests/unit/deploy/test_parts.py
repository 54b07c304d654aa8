"""The parts of a cluster: which there are, what they listen on, and what makes them stale."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.local.broker import broker_parts, broker_secrets
from deploy.local.cluster import assemble, embedded_parts
from deploy.local.errors import ClusterError, explain
from deploy.local.model_server import model_server_part, refused_models
from deploy.local.parts import digest_of_files, source_files
from deploy.local.reporting import human_duration, table
from deploy.local.settings import ClusterSettings, resolve_settings
from deploy.torchserve.archives import BrokenArchive, read_archive, read_archives
from deploy.torchserve.java import java_version


@pytest.fixture
def settings(tmp_path: Path) -> ClusterSettings:
    return resolve_settings({}, home=tmp_path / "home", port_base=21000, model_store=tmp_path / "store")


def _archive(folder: Path, *, created: str = "today", weights: str = "w", version: str = "1.0.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"digits_{version}.mar"
    manifest = {"createdOn": created, "model": {"modelName": "digits", "modelVersion": version}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.writestr("weights", weights)
    return path


def test_an_archive_is_known_by_its_content_and_not_by_when_it_was_built(tmp_path: Path) -> None:
    first = read_archive(_archive(tmp_path / "a"))
    assert (first.name, first.version) == ("digits", "1.0.0")
    assert read_archive(_archive(tmp_path / "b", created="tomorrow")).digest == first.digest
    assert read_archive(_archive(tmp_path / "c", weights="trained again")).digest != first.digest


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.mar").write_bytes(b"PK")
    with pytest.raises(BrokenArchive, match=r"half\.mar is not a model archive"):
        read_archives(tmp_path)


def test_torchserve_serves_every_version_in_the_store(settings: ClusterSettings) -> None:
    _archive(settings.model_store, version="1.1.0")
    _archive(settings.model_store)
    archives = read_archives(settings.model_store)
    part = model_server_part(settings, archives, "/usr/bin/java")
    text, mode = part.files[settings.home / "torchserve" / "config.properties"]
    assert mode == 0o600
    assert "load_models=digits_1.0.0.mar,digits_1.1.0.mar\n" in text
    addresses = [line for line in text.splitlines() if "address=" in line]
    assert len(addresses) == 5
    private = f"unix:{settings.run_folder}/"
    assert all("127.0.0.1" in line or line.split("=")[1].startswith(private) for line in addresses)
    assert "-Xmx256m" in part.command
    assert model_server_part(settings, archives[:1], "/usr/bin/java").digest(settings.home) != part.digest(
        settings.home
    )


def test_a_model_that_keeps_failing_to_load_is_named_with_the_reason() -> None:
    line = "[INFO ] W-9000 MODEL_LOG - Failed to load model digits, exception weights are missing\n"
    assert refused_models(line * 2) == {}
    assert refused_models(line * 3) == {"digits": "weights are missing"}


def test_the_brokers_secrets_are_made_once_and_kept_private(settings: ClusterSettings) -> None:
    made = broker_secrets(settings.home)
    assert broker_secrets(settings.home) == made
    assert (settings.home / "rabbitmq" / "credentials.json").stat().st_mode & 0o777 == 0o600
    _epmd, rabbitmq = broker_parts(settings, made)
    text, mode = rabbitmq.files[settings.home / "rabbitmq" / "rabbitmq.conf"]
    assert mode == 0o600
    assert "listeners.tcp.1 = 127.0.0.1:21000" in text
    assert f"default_pass = {made.password}" in text
    assert "guest" not in text


def test_no_two_parts_listen_on_one_port(settings: ClusterSettings) -> None:
    used = [port for part in assemble(settings, "/usr/bin/java").parts for port in part.ports]
    assert len(set(used)) == len(used)
    assert set(used) <= set(asdict(settings.ports).values())


def test_what_a_url_names_is_not_started(tmp_path: Path) -> None:
    environment = {
        "SHOWCASE_MONGO_URL": "mongodb://db/",
        "SHOWCASE_AMQP_URL": "amqp://broker/",
        "SHOWCASE_MODEL_SERVERS": "*=http://far:8080",
    }
    cluster = assemble(resolve_settings(environment, home=tmp_path), None)
    assert not {part.name for part in cluster.parts} & {"epmd", "rabbitmq", "database", "torchserve"}
    assert {name: cluster.client_environment[name] for name in environment} == environment


def test_a_part_that_does_not_exist_is_named(tmp_path: Path) -> None:
    settings = resolve_settings({}, home=tmp_path, only=frozenset({"database", "kafka"}))
    with pytest.raises(ClusterError, match="There is no part named kafka"):
        embedded_parts(settings)


def test_sources_are_what_people_wrote(tmp_path: Path) -> None:
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "module.py").write_text("1")
    before = digest_of_files(source_files(tmp_path / "code"), tmp_path)
    (tmp_path / "code" / "__pycache__" / "module.pyc").write_text("compiled")
    (tmp_path / "code" / ".module.py.swp").write_text("editing")
    assert digest_of_files(source_files(tmp_path / "code"), tmp_path) == before
    (tmp_path / "code" / "module.py").write_text("2")
    assert digest_of_files(source_files(tmp_path / "code"), tmp_path) != before


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("no such thing", 0),
    ],
)
def test_java_tells_its_version(said: str, version: int) -> None:
    assert java_version(said) == version


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (7, "7 s"), (302, "5 min 2 s"), (7200, "2 h 0 min"), (90000, "1 d 1 h")]
)
def test_uptime_is_said_in_two_units(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_a_table_lines_its_columns_up() -> None:
    assert table([["PART", "PID"], ["gateway", "1"]]) == "PART     PID\ngateway  1"


def test_a_failure_shows_the_last_lines_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    lines = explain(ClusterError("The gateway ends as soon as it starts.", log)).splitlines()
    assert lines[:2] == ["The gateway ends as soon as it starts.", f"The last lines of {log}:"]
    assert (lines[2].strip(), lines[-1].strip()) == ("line 15", "line 29")
    assert explain(ClusterError("Nothing.", tmp_path / "none.log")).endswith("is empty.")
