"""`run`: a cluster in the foreground, for a container or a service manager: up, until a signal, down."""

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
"""Whose log lines are printed; every part's lie in the cluster's logs folder."""
LOOK_SECONDS = 1.0


class _Asked(Exception):
    """The process is asked to stop."""


def _ask(_number: int, _frame: FrameType | None) -> None:
    raise _Asked


def run(settings: ClusterSettings, environment: Mapping[str, str], timeout_seconds: float) -> None:
    """Bring the cluster up and stay until SIGTERM or an interrupt; then stop every part in order.

    Raises ClusterError when it does not get ready, or when the supervisor ends by itself.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ask)
    shown: subprocess.Popen[bytes] | None = None
    try:
        bring_up(settings, environment, timeout_seconds)
        print(f"ML Showcase is ready on port {settings.ports.gateway}.", flush=True)
        logs = [str(log_of(settings.home, name)) for name in SHOWN]
        shown = subprocess.Popen(["tail", "-q", "-n", "0", "-F", *logs], stderr=subprocess.DEVNULL)
        supervisor = Supervisor(settings.home)
        while supervisor.is_running():
            time.sleep(LOOK_SECONDS)
        raise ClusterError("The supervisor of the parts has ended; start it all again.")
    except _Asked:
        pass
    finally:
        # A second signal must not keep the parts from being stopped in order.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        take_down(settings.home)
        if shown is not None:
            shown.terminate()
            shown.wait()
