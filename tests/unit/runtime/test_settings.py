"""Settings are explained by --help, and refused in one sentence that names them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from contracts.errors import InvalidSetting
from gateway.settings import GatewaySettings
from orchestrator.settings import OrchestratorSettings
from runtime.settings import MAX_FILE_CHARACTERS, ConnectionSettings, describe, read_settings

PROCESSES: list[type[ConnectionSettings]] = [GatewaySettings, OrchestratorSettings, ConnectionSettings]
UNITS = re.compile(
    r"seconds|days|bytes|pixels|port\b|at the same time|calls|orchestrators that|submissions of", re.IGNORECASE
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("SHOWCASE_")]:
        monkeypatch.delenv(name)


def read(settings: type[ConnectionSettings] = GatewaySettings, *arguments: str) -> ConnectionSettings:
    return read_settings(settings, "python -m x", "Does x.", arguments)


def refusal(capsys: pytest.CaptureFixture[str], settings: type[ConnectionSettings] = GatewaySettings) -> str:
    with pytest.raises(SystemExit) as caught:
        read(settings)
    assert caught.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert written.err.endswith(".\n") or written.err.endswith("?\n")
    return written.err


@pytest.mark.parametrize("settings", PROCESSES)
def test_help_lists_every_setting_with_its_default(
    settings: type[ConnectionSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        read(settings, "--help")
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for name, field in settings.model_fields.items():
        line = next(line for line in printed.splitlines() if line.split()[:1] == [f"SHOWCASE_{name.upper()}"])
        assert line.endswith("]")
        assert field.description
        assert field.description in line
    assert "[workflows/]" in printed  # where the checkout lies is nobody's default


@pytest.mark.parametrize("settings", PROCESSES)
def test_every_number_says_what_it_counts(settings: type[ConnectionSettings]) -> None:
    for name, field in settings.model_fields.items():
        meaning = field.description or ""
        assert meaning.endswith("."), name
        if field.annotation in {int, float}:
            assert UNITS.search(meaning), name


@pytest.mark.parametrize("settings", PROCESSES)
def test_durations_end_in_their_unit(settings: type[ConnectionSettings]) -> None:
    for name, field in settings.model_fields.items():
        if (field.description or "").startswith("Seconds"):
            assert name.endswith("_seconds")


@pytest.mark.parametrize("settings", PROCESSES)
def test_every_default_is_allowed(settings: type[ConnectionSettings]) -> None:
    defaults = read(settings).model_dump()
    assert defaults == settings.model_validate(defaults).model_dump()
    assert [name for name, _, _ in describe(settings)] == [f"SHOWCASE_{name.upper()}" for name in defaults]


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWCASE_PORT", "9000")
    settings = read()
    assert isinstance(settings, GatewaySettings)
    assert settings.port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOWCASE_PORT", "http"),
        ("SHOWCASE_PORT", ""),
        ("SHOWCASE_PORT", "65536"),
        ("SHOWCASE_HOST", ""),
        ("SHOWCASE_THREADS", "0"),
        ("SHOWCASE_THREADS", "1.5"),
        ("SHOWCASE_UPLOAD_BYTES", "16000000"),
        ("SHOWCASE_RETENTION_DAYS", "-1"),
        ("SHOWCASE_RETENTION_DAYS", "nan"),
        ("SHOWCASE_RETENTION_DAYS", "inf"),
        ("SHOWCASE_RETENTION_DAYS", "1e9"),
        ("SHOWCASE_STORE_TIMEOUT_SECONDS", "0.0001"),
        ("SHOWCASE_LOG_LEVEL", "loud"),
        ("SHOWCASE_LOG_FORMAT", "xml"),
        ("SHOWCASE_MONGO_URL", "postgres://x"),
        ("SHOWCASE_MONGO_DATABASE", "a/b"),
        ("SHOWCASE_AMQP_URL", "http://x"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert refusal(capsys).startswith(f"python -m x: {name} is wrong: ")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("SHOWCASE_PROT", "SHOWCASE_PORT"),
        ("SHOWCASE_MONGOURL", "SHOWCASE_MONGO_URL"),
        ("SHOWCASE_RETENTION_DAY", "SHOWCASE_RETENTION_DAYS"),
        ("SHOWCASE_UPLOADS_BYTES", "SHOWCASE_UPLOAD_BYTES"),
        ("SHOWCASE_LOGLEVEL", "SHOWCASE_LOG_LEVEL"),
    ],
)
def test_a_misspelt_setting_stops_the_start(
    wrong: str, right: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(wrong, "1")
    assert refusal(capsys) == f"python -m x: {wrong} is not a setting. Did you mean {right}?\n"


@pytest.mark.parametrize("name", ["SHOWCASE_PORT_BASE", "SHOWCASE_HOME", "SHOWCASE_UNRELATED", "PORT", "SHOWCASE"])
def test_other_programs_variables_are_let_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "8100")
    for settings in PROCESSES:
        read(settings)


@pytest.mark.parametrize("settings", PROCESSES)
def test_one_environment_serves_every_process(
    settings: type[ConnectionSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for process in PROCESSES:
        for name, default, _ in describe(process):
            if name != "SHOWCASE_WORKFLOWS":
                monkeypatch.setenv(name, default)
    read(settings)


@pytest.mark.parametrize("name", ["SHOWCASE_MONGO_URL", "SHOWCASE_AMQP_URL"])
@pytest.mark.parametrize("settings", PROCESSES)
def test_a_password_is_never_printed(
    name: str, settings: type[ConnectionSettings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "htp://user:s3cret@host/")
    assert "s3cret" not in refusal(capsys, settings)


def test_an_argument_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit) as caught:
        read(GatewaySettings, "--port", "9000")
    assert caught.value.code == 2


def test_a_setting_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url, port = tmp_path / "url", tmp_path / "port"
    url.write_text("mongodb://user:secret@far:27017/\n")
    port.write_text("8123\n")
    monkeypatch.setenv("SHOWCASE_MONGO_URL_FILE", str(url))
    monkeypatch.setenv("SHOWCASE_PORT_FILE", str(port))
    settings = read()
    assert isinstance(settings, GatewaySettings)
    assert (settings.mongo_url, settings.port) == ("mongodb://user:secret@far:27017/", 8123)


def test_a_file_counts_where_the_variable_is_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8123")
    monkeypatch.setenv("SHOWCASE_PORT", "")
    monkeypatch.setenv("SHOWCASE_PORT_FILE", str(tmp_path / "port"))
    assert read().model_dump()["port"] == 8123


def test_the_class_alone_reads_files_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8123")
    monkeypatch.setenv("SHOWCASE_PORT_FILE", str(tmp_path / "port"))
    assert (GatewaySettings().port, GatewaySettings(port=9000).port) == (8123, 9000)
    monkeypatch.setenv("SHOWCASE_PORT_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidSetting, match="SHOWCASE_PORT_FILE names"):
        GatewaySettings()


def test_a_file_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOWCASE_AMQP_URL_FILE", str(tmp_path / "nowhere"))
    said = refusal(capsys)
    assert f"SHOWCASE_AMQP_URL_FILE names {tmp_path / 'nowhere'}" in said
    assert "No such file" in said


def test_a_wrong_value_in_a_file_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    url = tmp_path / "url"
    url.write_text("postgres://user:secret@far/")
    monkeypatch.setenv("SHOWCASE_MONGO_URL_FILE", str(url))
    said = refusal(capsys)
    assert "SHOWCASE_MONGO_URL is wrong" in said
    assert "secret" not in said


def test_a_setting_given_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOWCASE_MONGO_URL", "mongodb://here/")
    monkeypatch.setenv("SHOWCASE_MONGO_URL_FILE", str(tmp_path / "url"))
    assert "SHOWCASE_MONGO_URL and SHOWCASE_MONGO_URL_FILE are both set" in refusal(capsys)


def test_a_file_that_is_no_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "url"
    path.write_text("mongodb://" + "x" * MAX_FILE_CHARACTERS)
    monkeypatch.setenv("SHOWCASE_MONGO_URL_FILE", str(path))
    assert "is no setting" in refusal(capsys)


def test_files_complete_the_environment_the_later_one_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWCASE_AMQP_URL", "amqp://environment/")
    env, running = tmp_path / ".env", tmp_path / "environment"
    env.write_text("SHOWCASE_MONGO_URL=mongodb://env/\nSHOWCASE_MONGO_DATABASE=env\nSHOWCASE_OTHER=1\n")
    running.write_text("SHOWCASE_MONGO_URL='mongodb://running/'\nSHOWCASE_AMQP_URL='amqp://running/'\n")
    files = (env, running, tmp_path / "absent")
    found = read_settings(ConnectionSettings, "program", "purpose", [], files)
    assert (found.mongo_url, found.mongo_database, found.amqp_url) == (
        "mongodb://running/",
        "env",
        "amqp://environment/",
    )
    assert read_settings(ConnectionSettings, "program", "purpose", []).mongo_database == "showcase"
