"""How both processes connect to the database and the broker, as data: no client library is imported here."""

from __future__ import annotations

from typing import Any

WRONG_MONGO_URL = "SHOWCASE_MONGO_URL is no MongoDB address. Write mongodb://user:password@host:port/."
WRONG_AMQP_URL = "SHOWCASE_AMQP_URL is no AMQP address. Write amqp://user:password@host:port/."
"""Said instead of the client libraries' own words, which may hold the URL, and with it a password."""

AMQP_HEARTBEAT_SECONDS = 10
AMQP_CALL_SECONDS = 5.0


def mongo_options(process: str, timeout_seconds: float) -> dict[str, Any]:
    """Return a MongoClient's options. ``timeout_seconds`` bounds every call, waits included."""
    milliseconds = round(timeout_seconds * 1000)
    return {
        "appname": f"showcase-{process}",
        "tz_aware": True,
        "timeoutMS": milliseconds,
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        # A monitor that keeps a streaming call open also keeps a snapshot open in SecantusDB, which then cannot tidy
        # its cache behind it and stands still once a fifth of that has changed.
        "serverMonitoringMode": "poll",
    }


def amqp_bounds(heartbeat_seconds: int = AMQP_HEARTBEAT_SECONDS) -> dict[str, Any]:
    """Return the attributes of pika's connection parameters that bound every wait."""
    return {
        "heartbeat": heartbeat_seconds,
        "blocked_connection_timeout": heartbeat_seconds,
        "socket_timeout": AMQP_CALL_SECONDS,
        "stack_timeout": AMQP_CALL_SECONDS,
    }
