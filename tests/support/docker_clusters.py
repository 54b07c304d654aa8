"""The compose cluster and the one container, with the abilities that the system tests need of any cluster.

Both need a Docker engine on this machine and root: parts are killed by their process ids, from outside.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bson import json_util

from contracts.submissions.documents import Submission, from_document
from tests.support.checkout import CHECKOUT
from tests.support.local_cluster import free_ports
from tests.support.patience import PATIENCE

READY_SECONDS = PATIENCE
IMAGE = "ml-showcase-api"
DATA = "/var/lib/showcase"
SERVICES = {"database": "mongo", "torchserve": "classification"}
"""The services of those parts that have another name under compose; of the model servers, the one first called."""
MODEL_PORTS = {
    "digit_recognizer": "SHOWCASE_DIGIT_PORT",
    "bms_flair_abnormality_classification": "SHOWCASE_CLASSIFICATION_PORT",
    "bms_flair_abnormality_segmentation": "SHOWCASE_SEGMENTATION_PORT",
}
OVERRIDE = """\
services:
  gateway: &with_workflows
    environment: {SHOWCASE_WORKFLOWS: /workflows}
    volumes: ["${TEST_WORKFLOWS}:/workflows:ro"]
  orchestrator: *with_workflows
"""
# Run where the settings are: the database listens inside only.
READ_DOCUMENTS = """\
import os, sys
from bson import json_util
from pymongo import MongoClient
client = MongoClient(os.environ["SHOWCASE_MONGO_URL"], tz_aware=True)
submissions = client[os.environ.get("SHOWCASE_MONGO_DATABASE", "showcase")].submissions
for each in sys.argv[1:]:
    print(json_util.dumps(submissions.find_one({"_id": each})))
"""


def docker(*arguments: str, environment: dict[str, str] | None = None, timeout: float = 120) -> str:
    """Run docker and return what it printed."""
    ran = subprocess.run(
        ["docker", *arguments],
        cwd=CHECKOUT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert ran.returncode == 0, f"docker {arguments}: {ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout


def local_images() -> dict[str, str]:
    """Return, for each public image that this machine made itself under the same tag, the variable that names it.

    Such an image has no digest of a registry, so that compose would not find it by the one in docker-compose.yml.
    """
    text = (CHECKOUT / "docker-compose.yml").read_text()
    found = {}
    for variable, tag in re.findall(r"\$\{(\w+_IMAGE):-([^@}]+)@", text):
        shown = subprocess.run(
            ["docker", "image", "inspect", "-f", "{{len .RepoDigests}}", tag],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if shown.returncode == 0 and shown.stdout.strip() == "0":
            found[variable] = tag
    return found


def _documents(printed: str) -> list[Submission]:
    return [from_document(json_util.loads(line)) for line in printed.splitlines()]


def _readable(folder: Path) -> None:
    """Let the containers' user read what the test made for itself alone."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


class ComposeCluster:
    """A running project of its own: own name, ports, passwords and volumes."""

    def __init__(self, override: Path, environment: dict[str, str]) -> None:
        self._environment = environment
        self._files = ("-p", f"showcase-test-{os.getpid()}", "-f", "docker-compose.yml", "-f", str(override))

    def compose(self, *arguments: str, timeout: float = 120) -> str:
        return docker("compose", *self._files, *arguments, environment=self._environment, timeout=timeout)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._environment['SHOWCASE_PORT']}"

    def model_url(self, model: str) -> str:
        return f"http://127.0.0.1:{self._environment[MODEL_PORTS[model]]}"

    def pid(self, part: str) -> int:
        identifier = self.compose("ps", "-q", SERVICES.get(part, part)).split()[0]
        return int(docker("inspect", "-f", "{{.State.Pid}}", identifier))

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        # Not `docker kill`: the engine does not restart what was stopped through it.
        os.kill(self.pid(part), number)

    def log(self, part: str) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", SERVICES.get(part, part))

    def records(self, submission_ids: list[str]) -> list[Submission]:
        return _documents(self.compose("exec", "-T", "gateway", "python", "-c", READ_DOCUMENTS, *submission_ids))


@contextmanager
def composed(home: Path, workflows: Path) -> Iterator[ComposeCluster]:
    """Build, bring up, and at the end delete everything but the images."""
    _readable(workflows)
    override = home / "override.yml"
    override.write_text(OVERRIDE)
    base = free_ports()
    environment = {
        "SHOWCASE_PORT": str(base),
        "SHOWCASE_MONGO_PASSWORD": secrets.token_hex(16),
        "SHOWCASE_RABBITMQ_PASSWORD": secrets.token_hex(16),
        "TEST_WORKFLOWS": str(workflows),
    }
    environment |= local_images()
    environment |= {name: str(base + 1 + place) for place, name in enumerate(MODEL_PORTS.values())}
    cluster = ComposeCluster(override, environment)
    try:
        cluster.compose("up", "--build", "--wait", timeout=1500)
        yield cluster
    finally:
        cluster.compose("down", "--volumes", "--timeout", "25")


class ContainerCluster:
    """One running container."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    def model_url(self, model: str) -> str:
        raise AssertionError(f"the container does not publish {model}")

    def pid(self, part: str) -> int:
        inside = docker("exec", self.name, "python", "-m", "deploy.local", "pid", part, "--home", DATA).strip()
        for line in docker("top", self.name, "-eo", "pid").split()[1:]:
            status = Path("/proc", line, "status").read_text()
            if next(row for row in status.splitlines() if row.startswith("NSpid")).split()[-1] == inside:
                return int(line)
        raise AssertionError(f"{part} has no process")

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid(part), number)

    def log(self, part: str) -> str:
        return docker("exec", self.name, "cat", f"{DATA}/logs/{part}.log")

    def records(self, submission_ids: list[str]) -> list[Submission]:
        settings = shlex.split(docker("exec", self.name, "python", "-m", "deploy.local", "env", "--home", DATA))
        options = [word for line in settings for word in ("-e", line)]
        return _documents(docker("exec", *options, self.name, "python", "-c", READ_DOCUMENTS, *submission_ids))

    def until_healthy(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while (state := docker("inspect", "-f", "{{.State.Health.Status}}", self.name).strip()) != "healthy":
            assert time.monotonic() < end, f"{state}: {docker('logs', self.name)[-3000:]}"
            time.sleep(0.5)


@contextmanager
def contained(workflows: Path) -> Iterator[ContainerCluster]:
    """Build, run, and at the end delete the container and its volume."""
    _readable(workflows)
    docker("build", "-q", "-t", IMAGE, ".", timeout=1500)
    port = free_ports()
    cluster = ContainerCluster(f"showcase-test-{os.getpid()}", port)
    options = (
        "-p",
        f"127.0.0.1:{port}:8100",
        "-v",
        f"{workflows}:/workflows:ro",
        "-e",
        "SHOWCASE_WORKFLOWS=/workflows",
    )
    docker("run", "-d", "--name", cluster.name, *options, IMAGE)
    try:
        cluster.until_healthy()
        yield cluster
    finally:
        docker("rm", "-f", "-v", cluster.name)
