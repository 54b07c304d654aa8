"""The supervisor that keeps the parts running: its configuration, its process, and its remote calls."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from deploy.local.errors import ClusterError
from deploy.local.files import make_private_folder, write_private
from deploy.local.parts import MARKER, Part
from deploy.local.settings import run_folder

START_SECONDS = 10
SOCKET = "supervisor.sock"
# Beginnings of variables that would change how a part behaves when the shell that starts the cluster has them set.
UNWANTED = (
    "ERL_",
    "JAVA_TOOL_OPTIONS",
    "MAKE",
    "MFLAGS",
    "PYTHON",
    "RABBITMQ_",
    "SHOWCASE_",
    "TS_",
    "VIRTUAL_ENV",
    "_JAVA",
)


def configuration(parts: Iterable[Part], home: Path) -> str:
    """Return the supervisor's configuration file for ``parts``.

    Paths are relative to ``home``, where the supervisor runs: the file's format cannot hold every name of a folder.
    The digest is an argument that the script ignores: a part whose files or inputs changed has another command, which
    the supervisor then reports as changed.
    """
    folder = run_folder(home)
    own = f"""\
[unix_http_server]
file = {"run" if folder.parent == home else folder}/{SOCKET}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
identifier = ml-showcase
logfile = logs/supervisor.log
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = supervisor.pid
childlogdir = logs
minfds = 1024
umask = 077
"""
    return "\n".join([own, *(_program(part, home) for part in parts)])


def _program(part: Part, home: Path) -> str:
    return f"""\
[program:{part.name}]
command = /bin/sh parts/{part.name}.sh {part.digest(home)}
autostart = false
autorestart = true
startsecs = 1
startretries = 1000
stopsignal = TERM
stopwaitsecs = {part.stop_wait_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = logs/{part.name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def write_files(parts: Iterable[Part], home: Path) -> None:
    """Write the supervisor's configuration, the parts' start scripts, folders and files."""
    parts = list(parts)
    make_private_folder(run_folder(home))
    for folder in (home / "logs", home / "parts"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in parts:
        for folder in (part.directory, *part.folders):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, (text, mode) in part.files.items():
            write_private(path, text, mode)
        write_private(home / "parts" / f"{part.name}.sh", part.script(home), 0o700)
    write_private(home / "supervisor.conf", configuration(parts, home), 0o600)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that every part inherits: the user's, without what would change a part's behaviour."""
    kept = {name: value for name, value in environment.items() if not name.startswith(UNWANTED)}
    return {"PATH": os.defpath, "LANG": "C.UTF-8"} | kept


@dataclass(frozen=True, kw_only=True)
class Process:
    """What the supervisor knows of a part. ``state`` is as it names it: RUNNING, STARTING, BACKOFF, STOPPED, …"""

    name: str
    state: str
    pid: int
    uptime_seconds: int
    stopped_at: int

    @property
    def is_up(self) -> bool:
        return self.state in ("RUNNING", "STARTING")


class Supervisor:
    """The supervisor of the cluster in ``home``, running or not."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = f"unix://{run_folder(home) / SOCKET}"

    def _call(self, method: str, *arguments: Any) -> Any:
        # One connection per call: after a failed call a connection cannot be used again.
        transport = SupervisorTransport(None, None, self._server)
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def is_running(self) -> bool:
        """Return whether the supervisor answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the supervisor in the background, without any part. Raises ClusterError when it does not start."""
        log = self._home / "logs" / "supervisor.log"
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._home / "supervisor.conf")],
            env=clean_environment(environment) | {MARKER: str(self._home)},
            cwd=self._home,
            # It opens its own log before it sets the umask of its configuration.
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + START_SECONDS
        while done.returncode == 0 and time.monotonic() < deadline:
            if self.is_running():
                return
            time.sleep(0.05)
        output = f" ({done.stdout.strip() or done.stderr.strip()})" if done.returncode else ""
        raise ClusterError(f"The process supervisor did not start{output}.", log)

    def reload(self) -> list[str]:
        """Reload the configuration. Stops and removes the parts that left it or changed; returns their names."""
        [[added, changed, removed]] = self._call("reloadConfig")
        self.stop([*changed, *removed])
        for name in [*changed, *removed]:
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)
        return [*changed, *removed]

    def processes(self) -> dict[str, Process]:
        """Return every part that the supervisor knows; none when it does not run."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {
            info["name"]: Process(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                uptime_seconds=info["now"] - info["start"] if info["statename"] == "RUNNING" else 0,
                stopped_at=info["stop"],
            )
            for info in found
        }

    def begin(self, name: str) -> None:
        """Start a part without waiting for it. A part that runs already keeps running."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise ClusterError(
                    f"{name} could not be started: {fault.faultString}", self._home / "logs" / f"{name}.log"
                ) from fault

    def stop(self, names: Iterable[str]) -> None:
        """Stop parts at the same time and wait until they have ended; each is killed after its grace period."""
        waiting = set()
        for name in names:
            try:
                self._call("stopProcess", name, False)
                waiting.add(name)
            except xmlrpc.client.Fault as fault:
                if "NOT_RUNNING" not in fault.faultString:
                    raise
        while any(
            process.state not in ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
            for name, process in self.processes().items()
            if name in waiting
        ):
            time.sleep(0.05)

    def shut_down(self) -> None:
        """End the supervisor itself and wait until it has ended."""
        pid = self._call("getPID")
        self._call("shutdown")
        try:
            psutil.Process(pid).wait(START_SECONDS)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired as error:
            raise ClusterError(
                f"The process supervisor (pid {pid}) does not end.", self._home / "logs" / "supervisor.log"
            ) from error


def belongs_to(process: psutil.Process, home: Path) -> bool:
    """Return whether the cluster in ``home``, or one of its parts, started the process."""
    try:
        return process.environ().get(MARKER) == str(home)
    except psutil.Error:
        return False


def end_strays(home: Path, grace_seconds: float = 5.0) -> int:
    """End the processes of a cluster whose supervisor is gone (killed, for example). Returns how many there were."""
    own = psutil.Process()
    spared = {own.pid, *(parent.pid for parent in own.parents())}
    strays = [process for process in psutil.process_iter() if process.pid not in spared and belongs_to(process, home)]
    for process in strays:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _gone, stubborn = psutil.wait_procs(strays, timeout=grace_seconds)
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(stubborn, timeout=grace_seconds)
    return len(strays)
