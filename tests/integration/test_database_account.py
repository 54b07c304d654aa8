"""The embedded database's account: made once, also for data that had none, and asked for ever after."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local.secantus import account
from deploy.local.secantus.account import AccountFailure, database_password, ensure_account, url_with_password


def _command(folder: Path) -> list[str]:
    server = Path(sys.executable).with_name("secantusd-py")
    configuration = folder / "secantusd.toml"
    configuration.write_text("# none\n")
    return [
        *(sys.executable, str(server), "--config", str(configuration), "--host", "127.0.0.1"),
        *("--storage-path", str(folder / "data"), "--standalone", "--log-level", "ERROR"),
    ]


@contextmanager
def _client(command: Sequence[str], password: str | None = None) -> Iterator[MongoClient[Any]]:
    with account._serving([*command, *(["--auth"] if password else [])]) as port:
        url = url_with_password(port, password) if password else f"mongodb://127.0.0.1:{port}/?directConnection=true"
        with MongoClient[Any](url, timeoutMS=20_000) as client:
            yield client


def test_data_without_an_account_is_served_with_one(tmp_path: Path) -> None:
    command = _command(tmp_path)
    with _client(command) as earlier:
        earlier.showcase.submissions.insert_one({"_id": "kept"})
        earlier.admin.command("createUser", "stranger", pwd="x", roles=[{"role": "root", "db": "admin"}])
    password = database_password(tmp_path)
    ensure_account(tmp_path, command, password)
    with _client(command, password) as client:
        assert client.showcase.submissions.find_one() == {"_id": "kept"}
        assert account._accounts(client) == [("admin", "showcase")]
    with account._serving([*command, "--auth"]) as port:
        for url in (f"mongodb://127.0.0.1:{port}/?directConnection=true", url_with_password(port, "wrong")):
            with MongoClient[Any](url, timeoutMS=20_000) as stranger, pytest.raises(OperationFailure):
                stranger.showcase.submissions.find_one()


def test_a_new_password_replaces_the_old_one_and_the_same_costs_nothing(tmp_path: Path) -> None:
    command = _command(tmp_path)
    ensure_account(tmp_path, command, "one")
    ensure_account(tmp_path, ["no such program"], "one")
    ensure_account(tmp_path, command, "two")
    with _client(command, "two") as client:
        assert client.showcase.submissions.find_one() is None


def test_an_account_that_came_in_between_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = account._replace_accounts

    def with_a_stranger(url: str, password: str) -> None:
        made(url, password)
        with MongoClient[Any](url) as client:
            client.admin.command("createUser", "stranger", pwd="x", roles=[{"role": "root", "db": "admin"}])

    monkeypatch.setattr(account, "_replace_accounts", with_a_stranger)
    with pytest.raises(AccountFailure, match="another user may have made it"):
        ensure_account(tmp_path, _command(tmp_path), "one")


def test_a_database_that_does_not_start_is_said(tmp_path: Path) -> None:
    with pytest.raises(AccountFailure, match="did not start"):
        ensure_account(tmp_path, [sys.executable, "-c", "raise SystemExit(1)"], "one")
