"""A cluster's settings, from arguments, the environment and its last start."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.errors import ClusterError
from deploy.local.settings import (
    LONGEST_RUN_FOLDER,
    OWN_HOME,
    recall_settings,
    remember_settings,
    resolve_settings,
    run_folder,
)


def test_everything_is_embedded_unless_a_url_replaces_it() -> None:
    settings = resolve_settings({})
    assert settings.home == OWN_HOME
    assert settings.mongo_url is None
    assert settings.model_servers_in_use == "*=http://127.0.0.1:8114"
    elsewhere = resolve_settings({"SHOWCASE_MONGO_URL": "mongodb://db/", "SHOWCASE_AMQP_URL": "amqp://broker/"})
    assert (elsewhere.mongo_url, elsewhere.amqp_url) == ("mongodb://db/", "amqp://broker/")


def test_a_model_served_elsewhere_leaves_the_others_here() -> None:
    settings = resolve_settings({"SHOWCASE_MODEL_SERVERS": "digit_recognizer=http://far:8080"})
    assert settings.embeds_model_server
    assert settings.model_servers_in_use == "digit_recognizer=http://far:8080,*=http://127.0.0.1:8114"


def test_a_server_for_every_model_replaces_ours() -> None:
    settings = resolve_settings({"SHOWCASE_MODEL_SERVERS": "a=http://b:1, *=http://far:8080"})
    assert not settings.embeds_model_server
    assert settings.model_servers_in_use == "a=http://b:1, *=http://far:8080"


def test_other_settings_of_ours_are_handed_on_and_nobody_elses() -> None:
    settings = resolve_settings(
        {"SHOWCASE_RETENTION_DAYS": "7", "SHOWCASE_HOST": "0.0.0.0", "SHOWCASE_PORT_BASE": "9000", "HOME": "/root"}
    )
    assert dict(settings.passed_on) == {"SHOWCASE_RETENTION_DAYS": "7"}
    assert settings.ports.amqp == 9000


def test_ports_as_arguments_win_over_the_environments() -> None:
    environment = {"SHOWCASE_PORT": "8200", "SHOWCASE_PORT_BASE": "8300"}
    settings = resolve_settings(environment, home=Path("/elsewhere"), port_base=21000)
    assert (settings.ports.gateway, settings.ports.amqp) == (21009, 21000)


def test_a_port_that_is_no_number_is_named() -> None:
    with pytest.raises(ClusterError, match="SHOWCASE_PORT=http is not a port number"):
        resolve_settings({"SHOWCASE_PORT": "http"})


def test_how_a_cluster_was_brought_up_is_remembered_for_its_owner_alone(tmp_path: Path) -> None:
    settings = resolve_settings(
        {"SHOWCASE_AMQP_URL": "amqp://u:p@broker/", "SHOWCASE_LIMIT": "1"},
        home=tmp_path,
        model_store=tmp_path / "store",
        only=frozenset({"gateway"}),
    )
    remember_settings(settings)
    assert recall_settings(tmp_path) == settings
    assert (tmp_path / "cluster.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ports": {"gateway": 1}}'])
def test_a_memory_that_is_not_readable_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.json").write_text(text)
    assert recall_settings(tmp_path) is None


def test_sockets_lie_in_the_home_unless_its_path_is_too_long() -> None:
    near = Path("/srv/showcase/.local")
    assert run_folder(near) == near / "run"
    far = Path("/srv") / ("deep/" * 30) / ".local"
    assert len(bytes(run_folder(far))) <= LONGEST_RUN_FOLDER
    assert run_folder(far) != run_folder(far / "other")


def test_a_url_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mongodb://far:27017/\n")
    settings = resolve_settings(
        {"SHOWCASE_MONGO_URL_FILE": str(tmp_path / "url"), "SHOWCASE_RETENTION_DAYS_FILE": "/run/secrets/days"}
    )
    assert settings.mongo_url == "mongodb://far:27017/"
    assert dict(settings.passed_on) == {"SHOWCASE_RETENTION_DAYS_FILE": "/run/secrets/days"}
