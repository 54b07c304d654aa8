"""`status`, `env`, `pid`, `logs` and `rabbitmqctl`: what a cluster reports about itself."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.broker import LOOPBACK_DISTRIBUTION, SCRIPTS, broker_environment
from deploy.local.cluster import Cluster
from deploy.local.errors import ClusterError
from deploy.local.readiness import Health, read_health
from deploy.local.restarts import Restarts, restarts_of
from deploy.local.settings import ClusterSettings
from deploy.local.supervision import Process, Supervisor

COLUMNS = ("PART", "STATE", "PID", "PORT", "UPTIME", "RESTARTS", "READY")
NAMED_IN_HEALTH = {"orchestrator": "orchestrator", "torchserve": "models"}
"""The parts that the health document has a verdict on, besides the gateway's own probe."""


def human_duration(seconds: int) -> str:
    """Return seconds as the largest two units: ``2 d 3 h``, ``5 min 2 s``, ``7 s``."""
    units = [("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60)]
    while len(units) > 1 and units[0][1] == 0:
        units.pop(0)
    return " ".join(f"{value} {unit}" for unit, value in units[:2])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows in columns that are as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def status_report(cluster: Cluster, processes: Mapping[str, Process]) -> tuple[list[str], bool]:
    """Return the lines of `status`, and whether every part is ready and does its work.

    Whether work is done is the gateway's verdict, as everywhere: its health document. Beside it stands what the
    supervisor knows: how often a part ended by itself.
    """
    restarts = restarts_of(cluster.settings.home)
    has_gateway = any(part.name == "gateway" for part in cluster.parts)
    health = read_health(cluster.settings.ports.gateway) if has_gateway else Health(None)
    rows, all_ready = status_rows(cluster, processes, health, restarts)
    lines = [table(rows), *health.lines()]
    if health.document and health.fault is not None:
        lines.append(f"not ready: {health.fault}")
    return lines, all_ready


def status_rows(
    cluster: Cluster, processes: Mapping[str, Process], health: Health, restarts: Mapping[str, Restarts]
) -> tuple[list[list[str]], bool]:
    """Return the status table's rows with its heading, and whether every part is ready."""
    rows = [list(COLUMNS)]
    all_ready = True
    now = time.time()
    for part in cluster.parts:
        process = processes.get(part.name)
        is_up = process is not None and process.state == "RUNNING"
        ended = restarts.get(part.name, Restarts())
        missing: str | None = "not running"
        if process is not None and is_up:
            missing = (
                ended.crash_loop(now, process.uptime_seconds)
                or (_gateway_fault(health) if part.name == "gateway" else cluster.probe(part.name)())
                or health.fault_of(NAMED_IN_HEALTH.get(part.name, ""))
            )
        all_ready = all_ready and missing is None
        rows.append(
            [
                part.name,
                process.state.lower() if process else "stopped",
                str(process.pid) if process and process.pid else "-",
                str(part.ports[0]) if part.ports else "-",
                human_duration(process.uptime_seconds) if process and is_up else "-",
                str(ended.count),
                "yes" if missing is None else f"no: {missing}",
            ]
        )
    for name, url in (("rabbitmq", cluster.settings.amqp_url), ("database", cluster.settings.mongo_url)):
        if url is not None:
            missing = cluster.probe(name)()
            all_ready = all_ready and missing is None
            rows.append([name, "elsewhere", "-", "-", "-", "-", "yes" if missing is None else f"no: {missing}"])
    return rows, all_ready


def _gateway_fault(health: Health) -> str | None:
    """Return why the gateway is not ready: in short where the lines below the table say it."""
    return "another part is missing, see below" if health.fault is not None and health.document else health.fault


def pid_of(home: Path, part: str) -> int:
    """Return a part's process id: the real process, not a wrapper. Raises ClusterError when it has none."""
    processes = Supervisor(home).processes()
    if part not in processes:
        raise ClusterError(
            f"The cluster in {home} runs no part named {part}; it runs {', '.join(processes) or 'none'}."
        )
    if not processes[part].pid:
        raise ClusterError(f"{part} does not run: it is {processes[part].state.lower()}.")
    return processes[part].pid


def environment_lines(cluster: Cluster) -> list[str]:
    """Return the cluster's settings as ``KEY=VALUE`` lines that a shell can read."""
    return [f"{name}={shlex.quote(value)}" for name, value in sorted(cluster.client_environment.items())]


def follow_logs(home: Path, part: str | None, lines: int, *, follow: bool) -> None:
    """Replace this process by ``tail`` on one part's log or on all. Raises ClusterError when there is none."""
    logs = sorted((home / "logs").glob(f"{part}.log" if part else "*.log"))
    if not logs:
        known = ", ".join(sorted(path.stem for path in (home / "logs").glob("*.log"))) or "none yet"
        raise ClusterError(f"There is no log of {part or 'any part'} in {home / 'logs'}; there are: {known}.")
    # -F follows the new file when the supervisor rotates the old one.
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, logs)])


def run_rabbitmqctl(settings: ClusterSettings, arguments: Sequence[str]) -> None:
    """Replace this process by ``rabbitmqctl`` for the embedded broker."""
    os.execve(
        str(SCRIPTS / "rabbitmqctl"),
        ["rabbitmqctl", *arguments],
        os.environ
        | broker_environment(settings)
        | {
            "RABBITMQ_CTL_DIST_PORT_MIN": str(settings.ports.amqp + 20),
            "RABBITMQ_CTL_ERL_ARGS": LOOPBACK_DISTRIBUTION,
        },
    )
