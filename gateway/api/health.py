"""Is the process alive, and is everything there that a submission needs?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from contracts.errors import StoreUnavailable
from gateway.ports import Doorbell, Store

MEANING = {
    "store": "The database does not answer: nothing can be accepted or read.",
    "broker": "The message broker does not answer: submissions are accepted and wait until it is back.",
    "orchestrator": "No orchestrator listens: submissions are accepted and wait until one does.",
}


def blueprint(store: Store, doorbell: Doorbell) -> Blueprint:
    health = Blueprint("health", __name__, url_prefix="/health")

    @health.get("/live", strict_slashes=False)
    def live() -> Response:
        return jsonify({"status": "alive"})

    @health.get("/ready", strict_slashes=False)
    def ready() -> Response:
        """200 when every part is there; else 503 with the part that is missing and what that means."""
        try:
            store.ping()
            stored = True
        except StoreUnavailable:
            stored = False
        parts = {"store": stored, "broker": doorbell.connected, "orchestrator": doorbell.answered}
        missing = [name for name, there in parts.items() if not there]
        if "broker" in missing:
            missing = [name for name in missing if name != "orchestrator"]  # without a broker nobody knows
        body: dict[str, object] = {
            "status": "not ready" if missing else "ready",
            "accepting": stored,
            "parts": {name: "ready" if there else "missing" for name, there in parts.items()},
        }
        if missing:
            body["message"] = " ".join(MEANING[name] for name in missing)
        response = jsonify(body)
        response.status_code = 503 if missing else 200
        response.headers["Cache-Control"] = "no-store"
        return response

    return health
