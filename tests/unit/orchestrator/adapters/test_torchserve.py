"""Which version of a model gets a picture, and which faults are the server's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from contracts.errors import ModelNotLoaded, ModelUnavailable, ModelUnreachable
from contracts.submissions.documents import ModelRef
from contracts.submissions.images import StoredImage
from orchestrator.adapters.model_servers.torchserve import TorchServeModels
from tests.support.factories import encoded, png
from tests.support.local_cluster import free_ports

MODEL = ModelRef(name="digits", version="1.0.0")
ORDINARY = StoredImage("image/png", png())
LARGE = StoredImage("image/png", encoded(Image.new("L", (3000, 3000)), "PNG", compress_level=1))


class Server:
    """Answers for the versions that it serves, as TorchServe does, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.versions = {"1.0.0", "1.0.0-large"}
        self.asked: list[str] = []
        self.breaks_off = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if server.breaks_off:
                    self.close_connection = True
                    return
                version = self.path.rsplit("/", 1)[1]
                server.asked.append(version)
                body = b'{"digit": 1}' if version in server.versions else b'{"type": "ModelVersionNotFoundException"}'
                self.send_response(200 if version in server.versions else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.models = TorchServeModels({"*": f"http://127.0.0.1:{self.http.server_port}"})


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def test_a_large_picture_goes_to_the_version_that_reads_it_alone(server: Server) -> None:
    server.models.predict(MODEL, ORDINARY, 30)
    server.models.predict(MODEL, LARGE, 30)
    assert server.asked == ["1.0.0", "1.0.0-large"]


def test_a_server_without_that_version_gets_it_as_any_other(server: Server) -> None:
    server.versions = {"1.0.0"}
    answer, _ = server.models.predict(MODEL, LARGE, 30)
    assert answer == {"digit": 1}
    assert server.asked == ["1.0.0-large", "1.0.0"]
    server.versions = set()
    with pytest.raises(ModelNotLoaded, match=r"digits@1\.0\.0 is not loaded"):
        server.models.predict(MODEL, LARGE, 30)


def test_a_refused_connection_is_the_servers_fault_and_a_broken_one_may_be_the_pictures(server: Server) -> None:
    nobody = TorchServeModels({"*": f"http://127.0.0.1:{free_ports(1)}"})
    with pytest.raises(ModelUnreachable) as refused:
        nobody.predict(MODEL, ORDINARY, 30)
    assert refused.value.of_server
    server.breaks_off = True
    with pytest.raises(ModelUnavailable) as broken:
        server.models.predict(MODEL, ORDINARY, 30)
    assert not broken.value.of_server
