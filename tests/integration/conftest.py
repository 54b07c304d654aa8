"""A real broker, a real database and a TorchServe with models that misbehave. Each test has a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from runtime.mongo import Document
from tests.support.checkout import CHECKOUT
from tests.support.databases import NamedDatabase
from tests.support.example_model import archive_example
from tests.support.local_cluster import LocalCluster, running

FAULTY = CHECKOUT / "tests" / "faulty_models"
CONFIGURATION = "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 4\nmaxBatchDelay: 5\nresponseTimeout: 20\n"


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """RabbitMQ, the database and TorchServe, without our own processes."""
    store = tmp_path_factory.mktemp("faulty-store")
    configuration = store / "config.yaml"
    configuration.write_text(CONFIGURATION)
    for source in sorted(FAULTY.glob("*.py")):
        _archive(source, store, configuration)
    archive_example(tmp_path_factory.mktemp("example"), store)
    home = tmp_path_factory.mktemp("parts")
    with running(home, "--only", "rabbitmq,database,torchserve", "--model-store", str(store)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def addresses(parts: LocalCluster) -> dict[str, str]:
    return parts.environment()


@pytest.fixture
def database(addresses: dict[str, str]) -> Iterator[NamedDatabase]:
    """A client and the name of a database that is dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with MongoClient[Document](addresses["SHOWCASE_MONGO_URL"], tz_aware=True, timeoutMS=10_000) as client:
        yield client, name
        client.drop_database(name)


@pytest.fixture
def amqp_url(parts: LocalCluster, addresses: dict[str, str]) -> Iterator[str]:
    """The address of a virtual host that is deleted at the end."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    base = addresses["SHOWCASE_AMQP_URL"].rsplit("/", 1)[0]
    user = base.split("//", 1)[1].split(":", 1)[0]
    parts.rabbitmqctl("add_vhost", name)
    parts.rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
    yield f"{base}/{name}"
    parts.rabbitmqctl("delete_vhost", name)


def _archive(source: Path, store: Path, configuration: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "model_archiver.model_packaging", "--model-name", source.stem, "--version", "1.0"]
        + ["--handler", str(source), "--config-file", str(configuration), "--export-path", str(store), "--force"],
        env=os.environ | {"TMPDIR": str(store)},  # where the archiver collects its files, by the model's name
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
