"""Receives notifications of changed submissions and workflows, with one connection to RabbitMQ on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pika
import structlog

from contracts.errors import InvalidMessage
from contracts.messaging.topology import CATALOGUE_CHANGED, EVENTS_EXCHANGE, EVENTS_QUEUE, SUBMISSIONS_BINDING
from contracts.submissions.events import decode_change
from gateway.events.subscriptions import EventBroadcaster
from runtime.amqp import connection_parameters, keep_connected

log = structlog.get_logger()

_POLL_SECONDS = 1.0


class RabbitEventSubscriber:
    """Passes notifications to the broadcaster. Uses its own queue, which the broker deletes with the connection.

    ``catalogue_changed`` is called when the registry of workflows has changed; it must return at once.
    """

    def __init__(self, url: str, broadcaster: EventBroadcaster, catalogue_changed: Callable[[], object]) -> None:
        self._catalogue_changed = catalogue_changed
        self._parameters = connection_parameters(url)
        self._broadcaster = broadcaster
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="event-subscriber", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        keep_connected(self._listen, self._disconnected, self._stopped, "events")

    def _disconnected(self) -> None:
        self._broadcaster.listening = False

    def _listen(self) -> None:
        with pika.BlockingConnection(self._parameters) as connection:
            channel = connection.channel()
            channel.exchange_declare(EVENTS_EXCHANGE, "topic", durable=True)
            queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=EVENTS_QUEUE).method.queue
            for key in (SUBMISSIONS_BINDING, CATALOGUE_CHANGED):
                channel.queue_bind(queue, EVENTS_EXCHANGE, key)
            channel.basic_consume(queue, self._on_message, auto_ack=True)
            self._broadcaster.listening = True
            log.info("listening to events")
            while not self._stopped.is_set():
                connection.process_data_events(time_limit=_POLL_SECONDS)

    def _on_message(self, _channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        if method.routing_key == CATALOGUE_CHANGED:
            self._catalogue_changed()
            return
        try:
            change = decode_change(body)
        except InvalidMessage as error:
            log.warning("notification ignored", error=error.message)
            return
        self._broadcaster.publish(change)
