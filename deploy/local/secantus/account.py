"""The embedded database's only account: its password, and how the database comes to ask for it.

``python -m deploy.local.secantus.account --folder DIR --port N -- COMMAND…`` makes the account where the data has none
yet, and then execs the command with ``--auth``. SecantusDB makes accounts only while it asks for none. So it first runs
for a moment on another port, without ``--auth``; data of a release that had no password is served by this one too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.files import write_private
from deploy.local.ports import HOST

USER = "showcase"
START_SECONDS = 120.0
"""Longer than a database takes that first replays its journal."""
STOP_SECONDS = 15.0
PAUSE_SECONDS = 0.05


class AccountFailure(Exception):
    """The account could not be made; the message is for the log."""


def password_path(folder: Path) -> Path:
    """Return the file of the password, beside the data that it protects: both are deleted together."""
    return folder / "password"


def database_password(folder: Path) -> str:
    """Return the password of the database in ``folder``; make it the first time, readable by its owner only."""
    path = password_path(folder)
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    made = secrets.token_urlsafe(24)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, f"{made}\n")
    return made


def url_with_password(port: int, password: str) -> str:
    """Return the database's URL. It belongs in files and environments, never on a command line."""
    return f"mongodb://{USER}:{password}@{HOST}:{port}/?directConnection=true&authSource=admin"


def ensure_account(folder: Path, command: Sequence[str], password: str) -> None:
    """Make the account unless the data has it; every other account is dropped. Raises AccountFailure.

    ``command`` starts the database without ``--auth`` and without a port.
    """
    # In the data's folder, so that it is gone when somebody deletes the data.
    marker = folder / "data" / "account.sha256"
    wanted = hashlib.sha256(password.encode()).hexdigest()
    if marker.exists() and marker.read_text().strip() == wanted:
        return
    with _serving(command) as port:
        _replace_accounts(f"mongodb://{HOST}:{port}/?directConnection=true", password)
    # Another user of this machine could have made an account meanwhile. Now only accounts can.
    with _serving([*command, "--auth"]) as port, MongoClient[Any](url_with_password(port, password)) as client:
        if _accounts(client) != [("admin", USER)]:
            raise AccountFailure("The database has an account that is not its own: another user may have made it.")
    write_private(marker, f"{wanted}\n")


def _accounts(client: MongoClient[Any]) -> list[tuple[str, str]]:
    # Of every database: `usersInfo` shows one's only.
    return sorted((user["db"], user["user"]) for user in client.admin["system.users"].find())


def _replace_accounts(url: str, password: str) -> None:
    with MongoClient[Any](url) as client:
        for database, user in _accounts(client):
            client[database].command("dropUser", user)
        client.admin.command("createUser", USER, pwd=password, roles=[{"role": "root", "db": "admin"}])


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[int]:
    # Ends the database also when this process is asked to stop: main() turns SIGTERM into an exception.
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([*command, "--port", str(port)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AccountFailure("The database did not start to make its account; see above.")
            time.sleep(PAUSE_SECONDS)
        yield port
    except PyMongoError as error:
        raise AccountFailure(f"The database's account could not be made: {error}") from error
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.secantus.account", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the database keeps its files")
    parser.add_argument("--port", type=int, required=True, help="where the database listens")
    parser.add_argument("command", nargs="+", help="what to run, after --, without its port")
    given = parser.parse_args()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        ensure_account(given.folder, given.command, database_password(given.folder))
    except AccountFailure as failure:
        sys.exit(str(failure))
    signal.signal(signal.SIGTERM, before)
    os.execv(given.command[0], [*given.command, "--auth", "--port", str(given.port)])


if __name__ == "__main__":
    main()
