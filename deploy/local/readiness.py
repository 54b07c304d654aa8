"""Readiness probes: each asks a part for what its users ask it for."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.exceptions
import pymongo
import pymongo.errors
import requests

from deploy.local.ports import HOST
from deploy.torchserve.archives import Archive
from deploy.torchserve.management import Management, ManagementError

ANSWER_SECONDS = 3.0
HEALTH_SECONDS = 8.0
"""The gateway itself waits for the database for some seconds before it says that it is away."""

# Returns None when the part is ready, or else what is missing.
Probe = Callable[[], str | None]


def listens(port: int) -> str | None:
    """Probe a TCP port."""
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_SECONDS):
            return None
    except OSError as error:
        return f"port {port} does not answer ({error.strerror or error})"


def broker_ready(url: str) -> str | None:
    """Probe RabbitMQ: a connection with the credentials, and a channel on it."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    try:
        parameters = pika.URLParameters(url)
        parameters.socket_timeout = parameters.stack_timeout = ANSWER_SECONDS
        parameters.blocked_connection_timeout = ANSWER_SECONDS
        connection = pika.BlockingConnection(parameters)
        connection.channel()
        connection.close()
    except (pika.exceptions.AMQPError, OSError, ValueError) as error:
        return f"no AMQP connection ({type(error).__name__})"
    return None


def database_ready(url: str) -> str | None:
    """Probe the database: it answers ``hello`` and accepts writes."""
    try:
        with pymongo.MongoClient[dict[str, object]](url, timeoutMS=int(ANSWER_SECONDS * 1000)) as client:
            answer = client.admin.command("hello")
    except pymongo.errors.PyMongoError as error:
        return f"no answer to hello ({type(error).__name__})"
    return None if answer.get("isWritablePrimary") else "it does not accept writes"


def models_ready(management: Management, archives: Iterable[Archive]) -> str | None:
    """Probe TorchServe: every archive of the store has a READY worker. Its own /ping answers long before that."""
    try:
        management.models()
        unready = [
            f"{archive.name} {archive.version}"
            for archive in archives
            if not management.ready(archive.name, archive.version)
        ]
    except OSError:
        return "its management socket does not answer"
    except (ManagementError, ValueError, LookupError) as error:
        return f"its management socket gives an unexpected answer ({type(error).__name__})"
    return f"no worker is READY for {', '.join(unready)}" if unready else None


@dataclass(frozen=True)
class Health:
    """The gateway's health document, which says of every part whether it does its work; empty without an answer.

    ``fault`` is why the cluster is not ready, None when it is.
    """

    fault: str | None
    document: Mapping[str, Any] = field(default_factory=dict)

    def fault_of(self, part: str) -> str | None:
        """Return why the document does not call this part ready; None when it does, or does not know."""
        state = (self.document.get("parts") or {}).get(part)
        return None if state in {"ready", "unknown", None} else self.fault

    def lines(self) -> list[str]:
        """Return what the document says of orchestrators and models, a line each."""
        starts = self.document.get("orchestrators")
        found = []
        if starts:
            found.append(
                f"orchestrators: {len(starts['working'])} at work, {starts['recent_starts']} starts and "
                f"{starts['recent_crashes']} crashes in the last 5 minutes"
            )
        for each in self.document.get("models") or []:
            state = f"{each['state']} at {each['address']}, breaker {each['breaker']}" if each["address"] else "unknown"
            found.append(f"model {each['name']} {each['version']}: {state}")
        return found


def read_health(port: int) -> Health:
    """Read the gateway's health document: what ``make up``, ``make status`` and ``showcase doctor`` all say."""
    try:
        answer = requests.get(f"http://{HOST}:{port}/health/ready", timeout=HEALTH_SECONDS)
    except requests.RequestException as error:
        return Health(f"GET /health/ready does not answer ({type(error).__name__})")
    try:
        document = answer.json()
        parts = document["parts"]
    except (ValueError, LookupError, TypeError):
        return Health(f"GET /health/ready answers {answer.status_code}: {answer.text.strip()[:200]}")
    if answer.ok:
        return Health(None, document)
    missing = ", ".join(name for name, state in parts.items() if state == "missing")
    return Health(document.get("message") or f"GET /health/ready answers that {missing} is missing", document)


def gateway_ready(port: int) -> str | None:
    """Probe the gateway: it reports that every part does its work."""
    return read_health(port).fault
