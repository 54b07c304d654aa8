"""Programs that pip cannot install: RabbitMQ, a Java runtime, and a browser for the tests.

Installs them with apt where this process may do that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.broker import SCRIPTS
from deploy.local.errors import ClusterError
from deploy.local.files import private_opener
from deploy.torchserve.java import find_java

BROKER_PACKAGE = "rabbitmq-server"
JAVA_PACKAGE = "default-jre-headless"
BROWSER_PACKAGE = "chromium"
POLICY = Path("/usr/sbin/policy-rc.d")


def has_broker() -> bool:
    """Return whether RabbitMQ and Erlang's port mapper are installed."""
    return (SCRIPTS / "rabbitmq-server").exists() and shutil.which("epmd") is not None


def find_browser() -> str | None:
    """Return the browser of the tests, by Debian's name for it."""
    return shutil.which("chromium")


def missing_packages(*, broker: bool, java: bool, browser: bool = False) -> list[str]:
    """Return the Debian packages that are needed and not installed."""
    wanted = [BROKER_PACKAGE] if broker and not has_broker() else []
    wanted += [JAVA_PACKAGE] if java and find_java() is None else []
    return wanted + ([BROWSER_PACKAGE] if browser and find_browser() is None else [])


def refuse_without_rights(packages: list[str]) -> None:
    """Raise ClusterError with the command to run where this process cannot install packages."""
    command = _command(packages)
    if shutil.which("apt-get") is None:
        raise ClusterError(
            f"{' and '.join(packages)} must be installed (on Debian: {command}); this machine has no apt-get."
        )
    if os.geteuid() != 0:
        raise ClusterError(f"{' and '.join(packages)} must be installed; as root, run: {command}")


def _command(packages: list[str]) -> str:
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def install_packages(packages: list[str], log: Path) -> None:
    """Install Debian packages and start no service. Raises ClusterError when apt fails."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = ["-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with open(log, "ab", opener=private_opener) as output, services_stay_down():
        for step in (["apt-get", "update", "-qq"], ["apt-get", "install", *options, *packages]):
            done = subprocess.run(
                step, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
            # After a failed update the lists may still be good enough: only a failed installation is an error.
            if done.returncode and step[1] == "install":
                raise ClusterError(
                    f"apt-get could not install {' and '.join(packages)}; run: {_command(packages)}", log
                )
        if BROKER_PACKAGE in packages and Path("/run/systemd/system").exists():
            # The package enables a system broker for the next boot; ours is private.
            subprocess.run(
                ["systemctl", "disable", "--quiet", "rabbitmq-server"], stdout=output, stderr=output, check=False
            )


@contextmanager
def services_stay_down() -> Iterator[None]:
    """Keep Debian from starting the services of the packages that are installed meanwhile."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
