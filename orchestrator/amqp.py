"""How each of our connections to RabbitMQ is made, and what goes with each of our messages."""

from __future__ import annotations

import time
from typing import Any

import pika

from contracts.errors import InvalidSetting
from runtime.connections import AMQP_HEARTBEAT_SECONDS, WRONG_AMQP_URL, amqp_bounds


def connection_parameters(url: str, heartbeat_seconds: int = AMQP_HEARTBEAT_SECONDS) -> pika.URLParameters:
    """Return how to connect, every wait bounded. Raises InvalidSetting when ``url`` is no AMQP address."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        raise InvalidSetting(WRONG_AMQP_URL) from error
    for name, value in amqp_bounds(heartbeat_seconds).items():
        setattr(parameters, name, value)
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
