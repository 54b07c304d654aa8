"""The embedded database's password: made once, private, and on no command line."""

from __future__ import annotations

from pathlib import Path

from deploy.local.secantus.account import database_password, password_path
from deploy.local.secantus.database import database_folder, database_part, database_url, watchdog_part
from deploy.local.settings import ClusterSettings, resolve_settings


def _settings(tmp_path: Path) -> ClusterSettings:
    return resolve_settings({}, home=tmp_path / "home", port_base=21000)


def test_the_password_is_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = database_folder(tmp_path)
    made = database_password(folder)
    assert database_password(folder) == made
    assert len(made) >= 32
    assert password_path(folder).stat().st_mode & 0o777 == 0o600
    assert database_password(tmp_path / "another") != made


def test_the_password_is_in_the_url_and_on_no_command_line(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    url = database_url(settings)
    password = database_password(database_folder(settings.home))
    assert url == f"mongodb://showcase:{password}@127.0.0.1:21003/?directConnection=true&authSource=admin"
    database, watchdog = database_part(settings), watchdog_part(settings, url)
    assert all(password not in argument for part in (database, watchdog) for argument in part.command)
    assert watchdog.environment["SHOWCASE_MONGO_URL"] == url
    assert "deploy.local.secantus.account" in database.command
