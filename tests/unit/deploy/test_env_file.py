"""The checkout's .env completes the environment of its own cluster, and what would change is told without secrets."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deploy.local.address import url_of, write_address
from deploy.local.changes import changes
from deploy.local.cluster import Cluster
from deploy.local.env_file import with_env_file
from deploy.local.errors import ClusterError
from deploy.local.parts import Part
from deploy.local.settings import OWN_HOME, resolve_settings

SECRET = "whsec_" + "A" * 32


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(
        f"# comment\nSHOWCASE_WEBHOOK_SECRET='{SECRET}'\nSHOWCASE_PORT=8200\nSHOWCASE_LOG_FORMAT=\n"
        "SHOWCASE_AMQP_URL_FILE=/run/secrets/amqp\nOTHER=1\n"
    )
    return path


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    found = with_env_file({"SHOWCASE_PORT": "8300", "SHOWCASE_AMQP_URL": "amqp://own/"}, OWN_HOME, env_file)
    assert found == {
        "SHOWCASE_WEBHOOK_SECRET": SECRET,
        "SHOWCASE_PORT": "8300",
        "SHOWCASE_AMQP_URL": "amqp://own/",  # and not also a file of that setting
    }


def test_another_cluster_and_a_checkout_without_the_file_have_the_environment_alone(env_file: Path) -> None:
    assert with_env_file({"A": "1"}, env_file.parent / "elsewhere", env_file) == {"A": "1"}
    assert with_env_file({"A": "1"}, OWN_HOME, env_file.with_name("absent")) == {"A": "1"}


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ClusterError, match=r"\.env cannot be read"):
        with_env_file({}, OWN_HOME, path)


def test_what_is_for_compose_or_the_client_is_not_passed_on(env_file: Path) -> None:
    env_file.write_text("SHOWCASE_MONGO_PASSWORD=x\nSHOWCASE_URL=http://far/\nSHOWCASE_BIND=0.0.0.0\n")
    settings = resolve_settings(with_env_file({}, OWN_HOME, env_file))
    assert (dict(settings.passed_on), settings.host) == ({}, "127.0.0.1")


def test_a_setting_that_another_shell_does_not_have_is_listed_without_its_value() -> None:
    with_it = resolve_settings({"SHOWCASE_WEBHOOK_SECRET": SECRET, "SHOWCASE_RETENTION_DAYS": "7"})
    lines = [each.line() for each in changes(with_it, resolve_settings({}))]
    assert lines == [
        "SHOWCASE_RETENTION_DAYS: 7 -> not set",
        "SHOWCASE_WEBHOOK_SECRET: set (not shown) -> not set",
    ]
    other = resolve_settings({"SHOWCASE_WEBHOOK_SECRET": SECRET.lower(), "SHOWCASE_RETENTION_DAYS": "7"})
    assert [each.line() for each in changes(with_it, other)] == ["SHOWCASE_WEBHOOK_SECRET: another value (not shown)"]
    assert changes(with_it, with_it) == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("SHOWCASE_MONGO_URL", "mongodb://u:secret@db/?a=b", "mongodb://db/"),
        ("SHOWCASE_AMQP_URL", "amqp://u:secret@mq/v", "amqp://mq/v"),
        ("SHOWCASE_MODEL_SERVERS", "a=http://u:secret@x:1,*=http://y", "a=http://x:1,*=http://y"),
    ],
)
def test_the_password_of_a_url_is_not_shown(name: str, value: str, shown: str) -> None:
    (change,) = changes(resolve_settings({}), resolve_settings({name: value}))
    assert change.line() == f"{name}: not set -> {shown}"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8100"),
        ("0.0.0.0", "http://127.0.0.1:8100"),
        ("::1", "http://[::1]:8100"),
        ("10.0.0.7", "http://10.0.0.7:8100"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert url_of(resolve_settings({}, host=host)) == url


def test_the_files_for_the_client_and_the_operator_are_private(tmp_path: Path) -> None:
    settings = replace(resolve_settings({}), home=tmp_path)
    gateway = Part(name="gateway", command=("x",), directory=tmp_path, environment={})
    known = {
        "SHOWCASE_MONGO_URL": "mongodb://u:a'b\\c@db/",
        "SHOWCASE_MONGO_DATABASE": "showcase",
        "SHOWCASE_AMQP_URL": "amqp://u:p@mq/v",
    }
    environment = known | {"SHOWCASE_WEBHOOK_SECRET": SECRET}
    cluster = Cluster(settings=settings, parts=(gateway,), archives=(), client_environment=environment)
    write_address(cluster)
    assert (tmp_path / "address").read_text() == "http://127.0.0.1:8100\n"
    assert dotenv_values(tmp_path / "environment") == known
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("address", "environment")} == {0o600}
    write_address(replace(cluster, parts=()))
    assert (tmp_path / "address").read_text()  # a start of other parts alone does not move the gateway
