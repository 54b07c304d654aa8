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
from tests.support.system import Client, eventually

pytestmark = pytest.mark.clusters("local")  # the others keep their gateway's process out of reach

FREE = 6
KNOCKS = 40
SAID = '"no file descriptor left"'


def test_it_serves_who_is_connected_says_so_once_and_recovers(
    client: Client, cluster: LocalCluster, samples: Path
) -> None:
    process = psutil.Process(cluster.pid("gateway"))
    client.until_ready()
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    before = cluster.log("gateway").count(SAID)
    digit = samples / "digits" / "digit_3.png"
    address = urlsplit(client.url)
    client.result(client.submit(digit, "workflow_000"))  # on a connection that stays open
    with ExitStack() as stack:
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + FREE, limits[1]))
        stack.callback(process.rlimit, psutil.RLIMIT_NOFILE, limits)
        for _ in range(KNOCKS):
            knock = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            knock.sendall(b"GET /")  # the kernel keeps back a connection that sends nothing
        eventually(lambda: cluster.log("gateway").count(SAID) > before)
        with pytest.raises(requests.RequestException):
            requests.get(f"{client.url}/health/live", timeout=2)
        assert client.run(digit, "workflow_000")["prediction"]["digit"] == 3
        assert cluster.log("gateway").count(SAID) == before + 1
    eventually(lambda: requests.get(f"{client.url}/health/live", timeout=2).ok)
    client.until_ready()
    assert process.is_running()
