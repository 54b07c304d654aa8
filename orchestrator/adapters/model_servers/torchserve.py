"""TorchServe's inference API: one prediction, and the fault that each of its errors stands for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import NoReturn

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from contracts.errors import (
    ModelCrashed,
    ModelFault,
    ModelNotLoaded,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    ModelUnreachable,
)
from contracts.models.answers import MAX_ANSWER_BYTES
from contracts.submissions.documents import ModelRef
from contracts.submissions.images import StoredImage
from image_files.cost import LARGE_SUFFIX, is_large

ANY_MODEL = "*"
CONNECT_TIMEOUT_SECONDS = 2.0
_CHUNK_BYTES = 64 * 1024
_ERROR_TEXT = 300


class TorchServeModels:
    """Calls models by explicit version, because TorchServe forgets its default version on a restart.

    ``servers``: base URL by model name; ``"*"`` is the server of every other model. Thread-safe: each thread
    keeps its own connections.
    """

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = {name: url.rstrip("/") for name, url in servers.items()}
        self._local = threading.local()

    def server(self, model: str) -> str | None:
        """Return the address that calls of the model go to."""
        return self._servers.get(model) or self._servers.get(ANY_MODEL)

    def predict(self, model: ModelRef, image: StoredImage, timeout_seconds: float) -> tuple[object, str]:
        """Return the model's JSON answer and the server's address. Raises ModelFault."""
        server = self.server(model.name)
        if server is None:
            raise ModelRefused(f"No server is configured for the model {model.name}. Set SHOWCASE_MODEL_SERVERS.")
        deadline = time.monotonic() + timeout_seconds
        if is_large(image.data):
            try:
                large = ModelRef(name=model.name, version=f"{model.version}{LARGE_SUFFIX}")
                return self._predict(large, image, server, timeout_seconds)
            except ModelNotLoaded:  # a server without the archives for large pictures
                timeout_seconds = max(1.0, deadline - time.monotonic())
        return self._predict(model, image, server, timeout_seconds)

    def _predict(self, model: ModelRef, image: StoredImage, server: str, timeout_seconds: float) -> tuple[object, str]:
        deadline = time.monotonic() + timeout_seconds
        try:
            with self._session().post(
                f"{server}/predictions/{model.name}/{model.version}",
                data=image.data,
                headers={"Content-Type": image.media_type},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds),
                stream=True,
            ) as response:
                body = _read(response, deadline, server)
                if response.status_code != 200:
                    _refuse(model, response.status_code, body, server)
        except requests.ConnectTimeout as error:
            raise ModelUnreachable("its server does not accept connections.", server) from error
        except requests.Timeout as error:
            raise ModelTimeout(f"it did not answer within {timeout_seconds:g} s.", server) from error
        except requests.ConnectionError as error:
            if "timed out" in str(error).lower():
                raise ModelTimeout(f"it did not answer within {timeout_seconds:g} s.", server) from error
            refused = isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)
            kind = ModelUnreachable if refused else ModelUnavailable
            raise kind("its server cannot be reached.", server) from error
        except requests.RequestException as error:
            raise ModelCrashed(f"its server broke off the answer ({type(error).__name__}).", server) from error
        try:
            # TorchServe lets NaN through as a bare word, which Python would take.
            return json.loads(body, parse_constant=_refuse_constant), server
        except ValueError as error:
            raise ModelRefused(f"the answer of {model} is not JSON.", server) from error
        except RecursionError as error:
            raise ModelRefused(f"the answer of {model} nests too deep.", server) from error

    def look(self, server: str, seconds: float) -> str | None:
        """Return why the server does not answer its ping within ``seconds``; None when it answers.

        The ping is answered as soon as the port listens, also without a worker: that is seen in calls only. A process
        that hangs accepts the connection and answers nothing.
        """
        deadline = time.monotonic() + seconds
        try:
            with self._session().get(f"{server}/ping", timeout=(seconds, seconds), stream=True) as response:
                _read(response, deadline, server)
        except ModelTimeout:
            return f"it did not answer its ping within {seconds:g} s."
        except requests.ConnectTimeout:
            return "it does not accept connections."
        except requests.Timeout:
            return f"it did not answer its ping within {seconds:g} s."
        except (requests.RequestException, ModelFault) as error:
            return f"its ping failed ({type(error).__name__})."
        return f"its ping answers {response.status_code}." if response.status_code >= 500 else None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # model servers are called directly, whatever proxy the environment names
            session.mount("http://", HTTPAdapter(pool_connections=8, pool_maxsize=8))
            self._local.session = session
        return session


def _read(response: requests.Response, deadline: float, server: str) -> bytes:
    """Read the body up to a size and a deadline: requests' own timeout begins again with every read."""
    chunks, total = [], 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        total += len(chunk)
        if total > MAX_ANSWER_BYTES:
            raise ModelRefused(f"its answer is longer than {MAX_ANSWER_BYTES} bytes.", server)
        if time.monotonic() > deadline:
            raise ModelTimeout("it took too long to answer.", server)
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse(model: ModelRef, status: int, body: bytes, server: str) -> NoReturn:
    """Raise the fault that TorchServe's answer means; only its ``type`` tells an overload from a broken handler."""
    kind, message = "", ""
    try:
        fields = json.loads(body)
        kind, message = str(fields.get("type", "")), str(fields.get("message", ""))[:_ERROR_TEXT]
    except (ValueError, AttributeError, RecursionError):
        message = body[:_ERROR_TEXT].decode("utf-8", "replace")
    fault: ModelFault
    if status in {429, 507} or (status == 503 and kind != "InternalServerException"):
        fault = ModelUnavailable(f"{model} is overloaded or starting ({status}).", server)
    elif status >= 500:
        fault = ModelCrashed(f"{model} broke on the request ({status} {message or kind}).", server)
    elif status == 404:
        fault = ModelNotLoaded(f"{model} is not loaded on its server.", server)
    else:
        fault = ModelRefused(message or f"{model} refused the request ({status}).", server)
    raise fault


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
