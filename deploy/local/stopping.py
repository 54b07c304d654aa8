"""`down` and `reset`: stops a cluster, and deletes its data."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.local.errors import ClusterError
from deploy.local.progress import Progress
from deploy.local.settings import run_folder
from deploy.local.starting import one_at_a_time
from deploy.local.supervision import Supervisor, end_strays

# The parts that begin work stop first, so that what they have begun can finish; the port mapper stops last.
ROUNDS = (("gateway", "orchestrator"), ("torchserve", "rabbitmq", "database"), ("epmd",))
# Everything that a cluster writes into its home.
STATE = (
    *("database", "logs", "parts", "rabbitmq", "run", "torchserve"),
    *("address", "cluster.json", "environment", "supervisor.conf", "supervisor.pid"),
)


def take_down(home: Path) -> None:
    """Stop every part in order; the data stays. It is no error when nothing runs."""
    progress = Progress()
    if not home.exists():
        progress.say(f"nothing runs: there is no cluster in {home}")
        return
    with one_at_a_time(home):
        _stop(home, progress)


def _stop(home: Path, progress: Progress) -> None:
    supervisor = Supervisor(home)
    ran = supervisor.is_running()
    if ran:
        for names in ROUNDS:
            up = [name for name, process in supervisor.processes().items() if name in names and process.pid]
            supervisor.stop(up)
            if up:
                progress.say(f"stopped {', '.join(up)}")
        supervisor.shut_down()
    count = end_strays(home)
    if count:
        progress.say(f"ended {count} processes that were still running")
    progress.say(f"all is stopped; the data stays in {home}" if ran or count else "nothing was running")


def reset(home: Path) -> None:
    """Stop the cluster and delete its data, logs and secrets. Raises ClusterError where there is no cluster."""
    if not any((home / name).exists() for name in STATE):
        raise ClusterError(f"There is nothing to delete in {home}.")
    progress = Progress()
    with one_at_a_time(home):
        _stop(home, progress)
        shutil.rmtree(run_folder(home), ignore_errors=True)
        for name in STATE:
            path = home / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    progress.say(f"deleted the cluster's data, logs and passwords in {home}")
