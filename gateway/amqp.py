"""How each of the gateway's connections to RabbitMQ is made."""

from __future__ import annotations

import pika

from contracts.errors import InvalidSetting
from runtime.connections import WRONG_AMQP_URL, amqp_bounds


def connection_parameters(url: str) -> pika.URLParameters:
    """Return how to connect, every wait bounded. Raises InvalidSetting when ``url`` is no AMQP address."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        raise InvalidSetting(WRONG_AMQP_URL) from error
    for name, value in amqp_bounds().items():
        setattr(parameters, name, value)
    return parameters
