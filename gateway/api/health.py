"""Whether the process is alive, and whether everything is there that a submission needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask import Blueprint, Response, jsonify

from contracts.errors import StoreUnavailable
from gateway.submissions.admission import AdmissionControl

MEANING = {
    "store": "The database does not answer: nothing can be accepted or read.",
    "broker": "The message broker does not answer: {waits} until it is back.",
    "orchestrator": "No orchestrator listens: {waits} until one does.",
}


class Database(Protocol):
    def ping(self) -> None:
        """Raises StoreUnavailable."""


class Broker(Protocol):
    @property
    def connected(self) -> bool:
        """Whether the broker is there."""

    @property
    def answered(self) -> bool:
        """Whether an orchestrator consumes every workflow's queue."""


@dataclass(frozen=True)
class Readiness:
    """What a submission needs, to be asked whether it is there."""

    database: Database
    broker: Broker
    admission: AdmissionControl


def blueprint(readiness: Readiness) -> Blueprint:
    broker, admission = readiness.broker, readiness.admission
    health = Blueprint("health", __name__, url_prefix="/health")

    @health.get("/live", strict_slashes=False)
    def live() -> Response:
        return jsonify({"status": "alive"})

    @health.get("/ready", strict_slashes=False)
    def ready() -> Response:
        """200 when every part is there; else 503 with the part that is missing and what that means.

        A full queue is no missing part: results are served, and what waits is worked on. It is 200 with
        ``accepting: false``.
        """
        try:
            readiness.database.ping()
            stored = True
        except StoreUnavailable:
            stored = False
        parts = {"store": stored, "broker": broker.connected, "orchestrator": broker.answered}
        missing = [name for name, there in parts.items() if not there]
        if "broker" in missing:
            missing = [name for name in missing if name != "orchestrator"]  # without a broker nobody knows
        full = admission.full()
        body: dict[str, object] = {
            "status": "not ready" if missing else "ready",
            "accepting": stored and not full,
            "parts": {name: "ready" if there else "missing" for name, there in parts.items()},
        }
        waits = "what was accepted waits" if full else "submissions are accepted and wait"
        sentences = [MEANING[name].format(waits=waits) for name in missing]
        if full:
            sentences.append(
                f"Too many submissions wait: further ones of {', '.join(full)} are refused until fewer do."
            )
        if sentences:
            body["message"] = " ".join(sentences)
        response = jsonify(body)
        response.status_code = 503 if missing else 200
        response.headers["Cache-Control"] = "no-store"
        return response

    return health
