"""The connection to RabbitMQ: its parameters, the properties of its messages, and how it reconnects."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pika
import structlog
from pika.exceptions import AMQPError

from contracts.errors import InvalidSetting
from runtime.backoff import backoff

log = structlog.get_logger()

WRONG_URL = "SHOWCASE_AMQP_URL is not an AMQP address. Write amqp://user:password@host:port/."
"""Replaces the library's own message, which may contain the URL and with it a password."""

HEARTBEAT_SECONDS = 10
CALL_SECONDS = 5.0

RECONNECT_BASE_SECONDS = 0.2
RECONNECT_CAP_SECONDS = 3.0


def connection_parameters(url: str, heartbeat_seconds: int = HEARTBEAT_SECONDS) -> pika.URLParameters:
    """Return the connection's parameters, with every wait bounded. Raises InvalidSetting for a wrong ``url``."""
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        raise InvalidSetting(WRONG_URL) from error
    parameters.heartbeat = heartbeat_seconds
    parameters.blocked_connection_timeout = heartbeat_seconds
    parameters.socket_timeout = CALL_SECONDS
    parameters.stack_timeout = CALL_SECONDS
    return parameters


def job_properties(submission_id: str | None, headers: dict[str, Any] | None = None) -> pika.BasicProperties:
    """Return the properties of a job message: persistent, with the submission's id and the time of sending."""
    return pika.BasicProperties(
        delivery_mode=pika.DeliveryMode.Persistent.value,
        content_type="application/json",
        message_id=submission_id,
        timestamp=int(time.time()),
        headers=headers,
    )


def keep_connected(
    serve: Callable[[], None],
    disconnected: Callable[[], None],
    stopped: threading.Event,
    what: str,
    *,
    uniform: Callable[[], float] = random.random,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Run ``serve`` in a loop until ``stopped`` is set; it connects, and works until the connection ends.

    ``disconnected`` is called after each end, before the pause. The pause grows with each failure in a row; a
    connection that lasted longer than the longest pause counts as a success. ``what`` names the connection in the log,
    ``uniform`` returns random numbers in [0, 1).
    """
    failures = 0
    while not stopped.is_set():
        began = monotonic()
        try:
            serve()
        except (AMQPError, OSError) as error:
            log.warning("connection lost", to=what, error=str(error) or type(error).__name__)
        except Exception:
            # A broker that stops half-way makes pika raise more than its own errors; this thread must go on.
            log.exception("connection failed", to=what)
        finally:
            disconnected()
        failures = 1 if monotonic() - began > RECONNECT_CAP_SECONDS else failures + 1
        stopped.wait(backoff(failures, RECONNECT_BASE_SECONDS, RECONNECT_CAP_SECONDS, max(0.1, uniform())))
