"""What another user of the machine, or a page in a browser on it, gets of a running cluster: the gateway alone."""

from __future__ import annotations

import http.client
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local.cluster import recall_cluster
from deploy.local.model_server import model_server_temporary
from deploy.local.supervision import belongs_to
from deploy.torchserve.launch import management_socket, metrics_socket
from deploy.torchserve.management import Management
from tests.support.local_cluster import LocalCluster
from tests.support.patience import PATIENCE
from tests.support.system import Client

pytestmark = pytest.mark.clusters("local")


@pytest.fixture
def processes(cluster: LocalCluster, client: Client, samples: Path) -> list[psutil.Process]:
    """The cluster's processes, after a submission that left its picture in the database and its logs."""
    client.until_ready()
    client.run(samples / "digits" / "digit_7.png", "workflow_000")
    return [process for process in psutil.process_iter() if belongs_to(process, cluster.home)]


def _listening(processes: list[psutil.Process]) -> Iterator[tuple[str, int]]:
    for process in processes:
        try:
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    yield connection.laddr.ip, connection.laddr.port
        except psutil.NoSuchProcess:
            continue


def test_nothing_that_is_stored_is_readable_by_another_user(
    cluster: LocalCluster, processes: list[psutil.Process]
) -> None:
    folders = {cluster.home, recall_cluster(cluster.home).settings.run_folder}
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
    open_to_others = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if mode & 0o077 and not stat.S_ISLNK(mode):
            open_to_others.append(path)
    assert open_to_others == []


def test_every_port_is_on_the_loopback_address(processes: list[psutil.Process]) -> None:
    addresses = {address for address, _ in _listening(processes)}
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_no_port_takes_orders_for_the_model_server(cluster: LocalCluster, processes: list[psutil.Process]) -> None:
    folder = model_server_temporary(recall_cluster(cluster.home).settings)
    assert Management(management_socket(folder)).models()
    assert metrics_socket(folder).is_socket()
    ports = {port for _, port in _listening(processes)}
    assert ports
    for port in sorted(ports):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/models")
            assert connection.getresponse().status >= 400, f"port {port} lists the models"
        except (OSError, http.client.HTTPException):
            continue  # another protocol
        finally:
            connection.close()


def test_the_model_servers_grpc_refuses_everybody(cluster: LocalCluster, processes: list[psutil.Process]) -> None:
    ports = recall_cluster(cluster.home).settings.ports
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    trusting.set_alpn_protocols(["h2"])
    for port in (ports.grpc_inference, ports.grpc_management):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
            pytest.raises((OSError, ssl.SSLError)),
        ):
            trusting.wrap_socket(plain)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
            answer = plain.recv(100)
        # An HTTP/2 server answers with its settings: a frame of type 4.
        assert answer[3:4] != b"\x04"


def test_the_database_asks_for_its_password(cluster: LocalCluster, processes: list[psutil.Process]) -> None:
    port = urlsplit(cluster.environment()["SHOWCASE_MONGO_URL"]).port
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with MongoClient[Any](url, timeoutMS=10_000) as stranger, pytest.raises(OperationFailure, match="authentication"):
        stranger["showcase"]["submissions"].find_one()


def test_no_password_is_in_a_command_line_or_a_log(cluster: LocalCluster, processes: list[psutil.Process]) -> None:
    known = cluster.environment()
    passwords = [urlsplit(known[name]).password for name in ("SHOWCASE_MONGO_URL", "SHOWCASE_AMQP_URL")]
    shown = "\n".join(log.read_text(errors="replace") for log in (cluster.home / "logs").iterdir())
    for process in processes:
        try:
            shown += "\n" + " ".join(process.cmdline())
        except psutil.Error:
            continue
    assert not [password for password in passwords if not password or password in shown]
