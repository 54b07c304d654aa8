"""The gateway has no file descriptor left."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE, eventually
from tests.support.system import Client

pytestmark = pytest.mark.clusters("local")  # the others keep their gateway's process out of reach

FREE = 6
CONNECTIONS = 40
LOGGED = '"no file descriptor left"'


def test_it_serves_open_connections_logs_once_and_recovers(
    client: Client, cluster: LocalCluster, samples: Path
) -> None:
    process = psutil.Process(cluster.pid("gateway"))
    client.until_ready()
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    before = cluster.log("gateway").count(LOGGED)
    digit = samples / "digits" / "digit_3.png"
    address = urlsplit(client.url)
    client.result(client.submit(digit, "workflow_000"))  # on a connection that stays open
    with ExitStack() as stack:
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + FREE, limits[1]))
        stack.callback(process.rlimit, psutil.RLIMIT_NOFILE, limits)
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(
                socket.create_connection((address.hostname, address.port), timeout=PATIENCE)
            )
            connection.sendall(b"GET /")  # the kernel does not hand over a connection that sends nothing
        eventually(lambda: cluster.log("gateway").count(LOGGED) > before)
        with pytest.raises(requests.RequestException):
            requests.get(f"{client.url}/health/live", timeout=2)
        assert client.run(digit, "workflow_000")["prediction"]["digit"] == 3
        assert cluster.log("gateway").count(LOGGED) == before + 1
    eventually(lambda: requests.get(f"{client.url}/health/live", timeout=2).ok)
    client.until_ready()
    assert process.is_running()
