"""Health checks: whether the process is alive, and whether every part that a submission needs is available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask import Blueprint, Response, jsonify

from contracts.errors import StoreUnavailable
from gateway.submissions.admission import AdmissionControl
from gateway.submissions.quota import StorageQuota

MEANING = {
    "store": "The database does not answer: the gateway can neither accept nor read submissions.",
    "broker": "The message broker does not answer: {waits} until it is back.",
    "orchestrator": "No orchestrator listens: {waits} until one does.",
}


class Database(Protocol):
    def ping(self) -> None:
        """Raises StoreUnavailable."""


class Broker(Protocol):
    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker."""

    @property
    def has_consumers(self) -> bool:
        """Whether an orchestrator consumes every workflow's queue."""


@dataclass(frozen=True)
class Readiness:
    """The parts that a submission needs."""

    database: Database
    broker: Broker
    admission: AdmissionControl
    quota: StorageQuota


def blueprint(readiness: Readiness) -> Blueprint:
    broker, admission = readiness.broker, readiness.admission
    health = Blueprint("health", __name__, url_prefix="/health")

    @health.get("/live", strict_slashes=False)
    def live() -> Response:
        return jsonify({"status": "alive"})

    @health.get("/ready", strict_slashes=False)
    def ready() -> Response:
        """200 when every part is available; otherwise 503 with the missing parts and what that means.

        A full queue or a full store gives 200 with ``accepting: false``: the gateway still serves results, and
        orchestrators still work on the queue.
        """
        try:
            readiness.database.ping()
            stored = True
        except StoreUnavailable:
            stored = False
        parts = {"store": stored, "broker": broker.connected, "orchestrator": broker.has_consumers}
        missing = [name for name, there in parts.items() if not there]
        if "broker" in missing:
            missing = [name for name in missing if name != "orchestrator"]  # unknown without the broker
        full, no_room = admission.full(), readiness.quota.full()
        body: dict[str, object] = {
            "status": "not ready" if missing else "ready",
            "accepting": stored and not full and not no_room,
            "parts": {name: "ready" if there else "missing" for name, there in parts.items()},
            "stored": readiness.quota.report(),
        }
        waits = "what was accepted waits" if full or no_room else "submissions are accepted and wait"
        sentences = [MEANING[name].format(waits=waits) for name in missing]
        if full:
            sentences.append(
                f"Too many submissions wait: the gateway refuses further ones of {', '.join(full)} until fewer do."
            )
        if no_room:
            sentences.append(f"{no_room} The gateway refuses further submissions until some are deleted or expire.")
        if sentences:
            body["message"] = " ".join(sentences)
        response = jsonify(body)
        response.status_code = 503 if missing else 200
        response.headers["Cache-Control"] = "no-store"
        return response

    return health
