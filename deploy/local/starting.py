"""`up`: installs, builds and starts what is missing, until the cluster is ready."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.address import write_address
from deploy.local.archives import build_archives
from deploy.local.cluster import Cluster, assemble, embedded_parts
from deploy.local.errors import ClusterError
from deploy.local.files import close_to_others, log_of, private_opener, size_of, text_after
from deploy.local.model_server import refused_models
from deploy.local.parts import Part
from deploy.local.ports import is_free, listener, taken_sentence
from deploy.local.prerequisites import install_packages, missing_packages, refuse_without_rights
from deploy.local.progress import Progress
from deploy.local.settings import ClusterSettings, remember_settings
from deploy.local.supervision import Process, Supervisor, belongs_to, end_strays, write_files
from deploy.torchserve.java import find_java

POLL_SECONDS = 0.15
# A part that ended this often before it was ready will not become ready by another start.
ENDINGS_TO_GIVE_UP = 4


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Let one command at a time change the cluster in ``home``; another one waits."""
    close_to_others(home)
    with open(home / "lock", "w", opener=private_opener) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install(settings: ClusterSettings, progress: Progress, *, browser: bool = False) -> str | None:
    """Install with apt what the embedded parts need. Returns the Java runtime, or None where none is needed.

    ``browser``: also the browser of the tests.
    """
    wanted = embedded_parts(settings)
    packages = missing_packages(broker="rabbitmq" in wanted, java="torchserve" in wanted, browser=browser)
    if packages:
        refuse_without_rights(packages)
        progress.say(f"installing {' and '.join(packages)} (a minute or two)")
        install_packages(packages, settings.home / "logs" / "apt.log")
        progress.say(f"installed {' and '.join(packages)}")
    if "torchserve" not in wanted:
        return None
    java = find_java()
    if java is None:
        raise ClusterError("There is no Java 17 or newer even after installing one; set JAVA_HOME to one.")
    return java


def bring_up(settings: ClusterSettings, environment: Mapping[str, str], timeout_seconds: float) -> Cluster:
    """Install, build, start and wait until every part is ready. Parts that run and did not change keep running.

    Raises ClusterError that names the part that failed; the parts that run by then keep running.
    """
    progress = Progress()
    home = settings.home
    with one_at_a_time(home):
        java = install(settings, progress)
        builds = java is not None and settings.builds_archives
        if builds and (built := build_archives(settings.model_store, home / "logs" / "archives.log")):
            progress.say(f"built {', '.join(built)}")
        cluster = assemble(settings, java)
        supervisor = Supervisor(home)
        runs = supervisor.is_running()
        if not runs and (count := end_strays(home)):
            progress.say(f"ended {count} processes that an earlier cluster left behind")
        _refuse_taken_ports(cluster)
        write_files(cluster.parts, home)
        if runs:
            for name in supervisor.reload():
                still_wanted = any(part.name == name for part in cluster.parts)
                progress.say(
                    f"stopped {name}: it {'changed' if still_wanted else 'is no part of the cluster any more'}"
                )
        else:
            supervisor.start(environment)
        remember_settings(settings)
        write_address(cluster)
        _start_in_order(cluster, supervisor, progress, timeout_seconds)
        return cluster


def _refuse_taken_ports(cluster: Cluster) -> None:
    for part in cluster.parts:
        for port in part.ports:
            if is_free(port):
                continue
            owner = listener(port)
            if owner is None or not belongs_to(owner, cluster.settings.home):
                raise ClusterError(taken_sentence(part.name, port, owner, cluster.settings.ports))


def _start_in_order(cluster: Cluster, supervisor: Supervisor, progress: Progress, timeout_seconds: float) -> None:
    # All parts start at once, except those that would fail until another part is ready.
    home = cluster.settings.home
    names = {part.name for part in cluster.parts}
    waiting = {part.name: part for part in cluster.parts}
    begun: set[str] = set()
    endings: dict[str, set[int]] = {name: set() for name in names}
    missing: dict[str, str] = {}
    printed_before = size_of(log_of(home, "torchserve"))
    deadline = time.monotonic() + timeout_seconds
    while waiting:
        for name, part in waiting.items():
            if name not in begun and not (part.needs & waiting.keys()):
                supervisor.begin(name)
                begun.add(name)
        processes = supervisor.processes()
        for name in [name for name in waiting if name in begun]:
            process = processes[name]
            _give_up_if_it_keeps_ending(process, endings[name], home)
            if name == "torchserve":
                _give_up_if_a_model_does_not_load(log_of(home, name), printed_before)
            reason = cluster.probe(name)() if _may_be_ready(process) else f"it is {process.state.lower()}"
            if reason is None:
                progress.say(f"{name} is ready{_where(waiting.pop(name), cluster)}")
            else:
                missing[name] = reason
        if waiting and time.monotonic() > deadline:
            name = next(name for name in waiting if name in begun)
            raise ClusterError(
                f"{name} is not ready after {timeout_seconds:.0f} s: {missing[name].rstrip('.')}. "
                "See below, fix it and run make up again; make down stops the rest.",
                log_of(home, name),
            )
        if waiting:
            time.sleep(POLL_SECONDS)


def _may_be_ready(process: Process) -> bool:
    # A part with a probe can be ready while it is STARTING. The orchestrator has none: it must be RUNNING, which the
    # supervisor says once it has not ended for a second.
    return process.state == "RUNNING" or (process.state == "STARTING" and process.name != "orchestrator")


def _give_up_if_it_keeps_ending(process: Process, endings: set[int], home: Path) -> None:
    if process.state in ("BACKOFF", "FATAL"):
        endings.add(process.stopped_at)
    if len(endings) >= ENDINGS_TO_GIVE_UP or process.state == "FATAL":
        raise ClusterError(
            f"{process.name} ends as soon as it starts. See below, fix it and run make up again; "
            "make down stops the rest.",
            log_of(home, process.name),
        )


def _give_up_if_a_model_does_not_load(log: Path, printed_before: int) -> None:
    for model, reason in refused_models(text_after(log, printed_before)).items():
        raise ClusterError(
            f"TorchServe cannot load {model}: {reason}. Fix its folder under services/ and run make up again; "
            "make down stops the rest.",
            log,
        )


def _where(part: Part, cluster: Cluster) -> str:
    if part.name == "torchserve":
        return ": " + (", ".join(f"{model.name} {model.version}" for model in cluster.archives) or "no models yet")
    return f" on port {part.ports[0]}" if part.ports else ""
