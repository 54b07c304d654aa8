"""Health checks: whether the process is alive, and whether every part that a submission needs does its work."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from gateway.readiness.health import Readiness


def blueprint(readiness: Readiness) -> Blueprint:
    health = Blueprint("health", __name__, url_prefix="/health")

    @health.get("/live", strict_slashes=False)
    def live() -> Response:
        return jsonify({"status": "alive"})

    @health.get("/ready", strict_slashes=False)
    def ready() -> Response:
        """200 when every part does its work; otherwise 503 with the missing parts and what that means.

        A full queue or a full store gives 200 with ``accepting: false``: the gateway still serves results, and
        orchestrators still work on the queue.
        """
        found = readiness.examine()
        response = jsonify(found.document)
        response.status_code = 200 if found.ready else 503
        response.headers["Cache-Control"] = "no-store"
        return response

    return health
