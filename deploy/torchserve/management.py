"""A client of TorchServe's management API, which listens on a Unix socket that only its owner can reach.

Whoever reaches that API loads and unloads models without a key, so it has no TCP port: a web page and another user of
the machine could reach one. Only the standard library is used here, because a model server's image holds little else.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

ANSWER_SECONDS = 3.0
LOAD_SECONDS = 60.0
"""How long a request may take that makes TorchServe unpack an archive or start and stop workers."""

LONGEST_SOCKET_PATH = 107
"""In bytes: what Linux allows."""


class ManagementError(Exception):
    """TorchServe refused a request. ``status`` is HTTP's, ``kind`` the ``type`` in its answer, or ""."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(f"TorchServe answered {status} {kind}: {message}")
        self.status = status
        self.kind = kind


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(bytes(self._path))


class Management:
    """The management API of the TorchServe whose socket is ``path``.

    Every method raises ManagementError when TorchServe refuses the request, OSError when it cannot be reached or does
    not answer in time, and ValueError or LookupError when the answer is not TorchServe's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def models(self) -> list[str]:
        """Return the names of the registered models."""
        found: list[str] = []
        page = ""
        while True:
            answer = self._ask("GET", "/models", {"limit": "100"} | ({"next_page_token": page} if page else {}))
            found += [str(model["modelName"]) for model in answer["models"]]
            page = answer.get("nextPageToken", "")
            if not page:
                return found

    def describe(self, name: str, version: str | None = None) -> list[dict[str, Any]]:
        """Return TorchServe's description of one version of a model; of all its versions without ``version``."""
        return list(self._ask("GET", f"{_model(name)}/{quote(version or 'all', safe='')}"))

    def ready(self, name: str, version: str) -> bool:
        """Return whether a worker of the model is READY; False where the model is not registered."""
        try:
            described = self.describe(name, version)
        except ManagementError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return has_ready_worker(described[0])

    def load(self, archive: str, workers: int = 1) -> None:
        """Register an archive of the model store by its file name, and start its workers in the background.

        Ask ``ready`` when it serves. An archive that is registered already is refused with status 409.
        """
        # A synchronous call would hold one of TorchServe's few network threads, and stall calls of other models.
        query = {"url": archive, "initial_workers": str(workers), "synchronous": "false"}
        self._ask("POST", "/models", query, LOAD_SECONDS)

    def unload(self, name: str, version: str) -> None:
        """Unregister one version of a model. Calls that it has not answered yet are never answered: drain it first."""
        self._ask("DELETE", f"{_model(name)}/{quote(version, safe='')}", timeout=LOAD_SECONDS)

    def scale(self, name: str, version: str, workers: int) -> None:
        """Set the number of a model's workers and wait until they run."""
        count = str(workers)
        query = {"min_worker": count, "max_worker": count, "synchronous": "true"}
        self._ask("PUT", f"{_model(name)}/{quote(version, safe='')}", query, LOAD_SECONDS)

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None, timeout: float = ANSWER_SECONDS) -> Any:
        connection = _SocketConnection(self.path, timeout)
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path)
            answer = connection.getresponse()
            body = answer.read()
        except http.client.HTTPException as error:
            raise ValueError(f"the answer is not HTTP ({type(error).__name__})") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise _refusal(answer.status, body)
        return json.loads(body)


def has_ready_worker(described: dict[str, Any]) -> bool:
    """Return whether a model's description shows a worker that is READY."""
    return any(worker["status"] == "READY" for worker in described["workers"])


def _model(name: str) -> str:
    return f"/models/{quote(name, safe='')}"


def _refusal(status: int, body: bytes) -> ManagementError:
    try:
        told = json.loads(body)
        return ManagementError(status, str(told["type"]), str(told["message"]))
    except (ValueError, LookupError, TypeError):
        return ManagementError(status, "", body[:200].decode(errors="replace"))
