"""How each of our connections to RabbitMQ is made, and what goes with each of our messages."""

from __future__ import annotations

import time
from typing import Any

import pika

from contracts.errors import InvalidSetting

CALL_TIMEOUT_SECONDS = 5.0


def connection_parameters(url: str, heartbeat_seconds: int) -> pika.URLParameters:
    """Return how to connect, every wait bounded. Raises InvalidSetting when ``url`` is no AMQP address."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        # Not the address itself: it may hold a password.
        raise InvalidSetting("SHOWCASE_AMQP_URL is no AMQP address. Write amqp://user:password@host:port/.") from error
    parameters.heartbeat = heartbeat_seconds
    parameters.blocked_connection_timeout = heartbeat_seconds
    parameters.socket_timeout = CALL_TIMEOUT_SECONDS
    parameters.stack_timeout = CALL_TIMEOUT_SECONDS
    return parameters


def job_properties(submission_id: str | None, headers: dict[str, Any] | None = None) -> pika.BasicProperties:
    """Return what goes with every message of ours: it is on disk, and says whose it is and when it was sent."""
    return pika.BasicProperties(
        delivery_mode=pika.DeliveryMode.Persistent.value,
        content_type="application/json",
        message_id=submission_id,
        timestamp=int(time.time()),
        headers=headers,
    )
