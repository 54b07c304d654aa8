"""Starts clusters for tests with the same command that users have, apart from theirs: own folder, own ports."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from contracts.storage import layout
from contracts.submissions.documents import Submission, from_document
from deploy.local.cluster import recall_cluster
from deploy.local.reporting import environment_lines, pid_of, status_report
from deploy.local.supervision import Supervisor
from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE

PORTS_NEEDED = 20


class LocalCluster:
    """A running cluster in ``home``. Its parts are rabbitmq, database, torchserve, orchestrator and gateway.

    It is started and stopped by the command that users have; what is asked often is asked without a process for it.
    """

    def __init__(self, home: Path, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self._settings = settings or {}

    def with_settings(self, more: dict[str, str]) -> LocalCluster:
        """Return the same cluster, to be brought up with ``more`` settings."""
        return LocalCluster(self.home, self._settings | more)

    def up(self, *options: str) -> None:
        self._command("up", *options)

    def down(self) -> None:
        self._command("down")

    def pid(self, part: str) -> int:
        """Return the part's process id. Raises ClusterError while it has none."""
        return pid_of(self.home, part)

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid(part), number)

    def environment(self) -> dict[str, str]:
        # KEY=VALUE lines, quoted for a shell.
        lines = "\n".join(environment_lines(recall_cluster(self.home)))
        return dict(line.split("=", 1) for line in shlex.split(lines))

    def rabbitmqctl(self, *arguments: str) -> str:
        return self._command("rabbitmqctl", *arguments)

    def ready(self) -> bool:
        """Return whether every part is ready."""
        return status_report(recall_cluster(self.home), Supervisor(self.home).processes())[1]

    def records(self, submission_ids: list[str]) -> list[Submission]:
        """Return those that are stored, as an operator may look at them."""
        known = self.environment()
        with MongoClient[Any](known["SHOWCASE_MONGO_URL"], tz_aware=True, timeoutMS=10_000) as client:
            submissions = client[known["SHOWCASE_MONGO_DATABASE"]][layout.SUBMISSIONS]
            found = [submissions.find_one({"_id": each}) for each in submission_ids]
            return [from_document(each) for each in found if each is not None]

    def model_url(self, model: str) -> str:
        """Return where the model takes direct calls."""
        return self.environment()["SHOWCASE_MODEL_SERVERS"].removeprefix("*=")

    @property
    def url(self) -> str:
        """The gateway's address."""
        known = self.environment()
        return f"http://{known['SHOWCASE_HOST']}:{known['SHOWCASE_PORT']}"

    def log(self, part: str) -> str:
        return (self.home / "logs" / f"{part}.log").read_text()

    def attempt(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the cluster's settings, whatever its exit status will be."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SHOWCASE_")}
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", command, "--home", str(self.home), *arguments],
            cwd=CHECKOUT,
            env=ours | self._settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def _command(self, command: str, *arguments: str) -> str:
        ran = self.attempt(command, *arguments)
        assert ran.returncode == 0, f"{command} {arguments}: {ran.stdout}\n{ran.stderr}"
        return ran.stdout


@contextmanager
def running(home: Path, *options: str, settings: dict[str, str] | None = None) -> Iterator[LocalCluster]:
    """Bring a cluster up on free ports and take it down at the end."""
    base = free_ports()
    cluster = LocalCluster(home, settings)
    try:
        cluster.up("--port", str(base), "--port-base", str(base + 1), *options)
        yield cluster
    finally:
        cluster.down()


def free_ports(count: int = PORTS_NEEDED) -> int:
    """Return the first of ``count`` ports in a row that nobody listens on, below the range of outgoing connections."""
    start = 20_000 + (os.getpid() * 37) % 9_000
    for base in range(start, start + 3_000, count):
        if all(_free(port) for port in range(base, base + count)):
            return base
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
