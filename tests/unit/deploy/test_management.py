"""What is asked of TorchServe's management socket, and what its answers mean."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from deploy.local.readiness import models_ready
from deploy.torchserve.archives import Archive
from deploy.torchserve.management import Management, ManagementError
from deploy.torchserve.ready import models_without_worker

MISSING = (404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found: x"})


class Server:
    """Answers as TorchServe does, on a socket; ``asked`` holds each request."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []
        self.models: dict[str, list[str]] = {}
        self.refusal: tuple[int, object] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                server.asked.append(f"{self.command} {self.path}")
                status, body = server.answer(self.command, self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        self.listening = UnixStreamServer(str(path), Handler)

    def answer(self, method: str, path: str) -> tuple[int, object]:
        if self.refusal:
            return self.refusal
        if method != "GET":
            return 200, {"status": "done"}
        if path.startswith("/models?"):
            names = sorted(self.models)
            at = int(path.partition("next_page_token=")[2] or 0)
            following = {"nextPageToken": str(at + 1)} if at + 1 < len(names) else {}
            return 200, {"models": [{"modelName": name} for name in names[at : at + 1]]} | following
        _, _, name, _version = path.split("/")
        if name not in self.models:
            return MISSING
        return 200, [{"modelVersion": "1.0", "workers": [{"status": state} for state in self.models[name]]}]


@pytest.fixture
def server() -> Iterator[Server]:
    # A socket's path must be shorter than pytest's folders may be.
    with tempfile.TemporaryDirectory() as folder:
        made = Server(Path(folder) / "management.sock")
        thread = threading.Thread(target=made.listening.serve_forever)
        thread.start()
        yield made
        made.listening.shutdown()
        thread.join()
        made.listening.server_close()


def test_ready_means_a_ready_worker_for_every_model(server: Server) -> None:
    management = Management(server.path)
    assert models_without_worker(management) == ["any model"]
    server.models.update(a=["READY"], b=["UNLOADING", "READY"])
    assert models_without_worker(management) == []
    server.models.update(b=["UNLOADING"], c=[])
    assert models_without_worker(management) == ["b 1.0", "c 1.0"]
    assert [management.ready(name, "1.0") for name in ("a", "b", "none")] == [True, False, False]


def test_every_page_of_models_is_read(server: Server) -> None:
    server.models.update(a=[], b=[], c=[])
    assert Management(server.path).models() == ["a", "b", "c"]


def test_models_are_loaded_scaled_and_unloaded_by_version(server: Server) -> None:
    management = Management(server.path)
    management.load("a_1.0.mar")
    management.scale("a", "1.0", 0)
    management.unload("a/b", "1.0?")
    assert server.asked == [
        "POST /models?url=a_1.0.mar&initial_workers=1&synchronous=false",
        "PUT /models/a/1.0?min_worker=0&max_worker=0&synchronous=true",
        "DELETE /models/a%2Fb/1.0%3F",
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            (409, {"code": 409, "type": "ConflictStatusException", "message": "x is registered"}),
            "ConflictStatusException",
        ),
        ((500, b"no JSON"), ""),
        ((503, []), ""),
    ],
)
def test_a_refusal_carries_the_status_and_the_kind(server: Server, answer: tuple[int, object], kind: str) -> None:
    server.refusal = answer
    with pytest.raises(ManagementError) as caught:
        Management(server.path).ready("a", "1.0")
    assert (caught.value.status, caught.value.kind) == (answer[0], kind)


def test_the_clusters_probe_says_what_is_missing(server: Server, tmp_path: Path) -> None:
    archives = [Archive(name, "1.0", tmp_path, "") for name in ("a", "b")]
    management = Management(server.path)
    assert models_ready(management, []) is None
    server.models.update(a=["READY"])
    assert models_ready(management, archives) == "no worker is READY for b 1.0"
    server.refusal = (500, b"")
    assert models_ready(management, archives) == "its management socket gives an unexpected answer (ManagementError)"
    assert models_ready(Management(tmp_path / "none"), archives) == "its management socket does not answer"
