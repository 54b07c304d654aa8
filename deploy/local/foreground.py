"""`run`: starts a cluster, waits for a signal, and stops it: for a container or a service manager."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping
from types import FrameType

from deploy.local.errors import ClusterError
from deploy.local.files import log_of
from deploy.local.settings import ClusterSettings
from deploy.local.starting import bring_up
from deploy.local.stopping import take_down
from deploy.local.supervision import Supervisor

SHOWN = ("gateway", "orchestrator")
"""The parts whose log lines are printed. The cluster's logs folder holds those of every part."""
POLL_SECONDS = 1.0


class _StopRequested(Exception):
    """A signal asks this process to stop."""


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopRequested


def run(settings: ClusterSettings, environment: Mapping[str, str], timeout_seconds: float) -> None:
    """Start the cluster, wait for SIGTERM or an interrupt, then stop every part in order.

    Raises ClusterError when it does not get ready, or when the supervisor ends by itself.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _request_stop)
    shown: subprocess.Popen[bytes] | None = None
    try:
        bring_up(settings, environment, timeout_seconds)
        print(f"ML Showcase is ready on port {settings.ports.gateway}.", flush=True)
        logs = [str(log_of(settings.home, name)) for name in SHOWN]
        shown = subprocess.Popen(["tail", "-q", "-n", "0", "-F", *logs], stderr=subprocess.DEVNULL)
        supervisor = Supervisor(settings.home)
        while supervisor.is_running():
            time.sleep(POLL_SECONDS)
        raise ClusterError("The process supervisor has ended. Start the cluster again.")
    except _StopRequested:
        pass
    finally:
        # A second signal must not keep the parts from being stopped in order.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        take_down(settings.home)
        if shown is not None:
            shown.terminate()
            shown.wait()
