"""The dead-letter queue as an operator reads it: a letter leaves it only when a command removes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, UnroutableError

from admin.ports import DeadLetter
from contracts.errors import BrokerUnavailable, UnknownWorkflow
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import DEAD_EXCHANGE, DEAD_QUEUE, JOBS_EXCHANGE, REASON_HEADER, declare, topology
from runtime.amqp import connection_parameters, job_properties

HEARTBEAT_SECONDS = 60
"""Long: this process answers no heartbeat while it asks the database between two calls to the broker."""

SILENCE_SECONDS = 2.0
"""After this time without a message, another reader is taken to hold the rest."""

LOOKS = 10
"""A letter that was read this often is published again and its old copy removed. Every read counts as a delivery, and
RabbitMQ 4 drops what a quorum queue has delivered 20 times, unless the queue was declared with another limit."""

QUEUE_HEADER = "x-showcase-queue"
SINCE_HEADER = "x-showcase-since"
"""What ``x-death`` said, on a letter that was published again; the time is in seconds since 1970."""

_COUNTS = ("x-delivery-count", "x-acquired-count")


class RabbitDeadLetters:
    """The dead letters port on RabbitMQ: a connection of its own for as long as the ``with`` block lasts.

    Raises InvalidSetting for a wrong address, and BrokerUnavailable.
    """

    def __init__(self, url: str) -> None:
        self._parameters = connection_parameters(url, HEARTBEAT_SECONDS)
        self._held: dict[int, tuple[pika.BasicProperties, bytes]] = {}

    def __enter__(self) -> RabbitDeadLetters:
        with _translated():
            self._connection = pika.BlockingConnection(self._parameters)
            self._reading, self._publishing = self._connection.channel(), self._connection.channel()
            self._publishing.confirm_delivery()
            declare(self._publishing, topology([]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Release what is held: RabbitMQ returns it to its place in the queue."""
        try:
            if kind is None:
                with _translated():
                    self._renew()
        finally:
            if self._connection.is_open:
                self._connection.close()

    def waiting(self) -> int:
        with _translated():
            declared: Any = self._publishing.queue_declare(DEAD_QUEUE, passive=True)
        return int(declared.method.message_count)

    def read(self, limit: int) -> list[DeadLetter]:
        wanted = min(limit, self.waiting())
        if wanted <= 0:
            return []
        letters = []
        with _translated():
            # Nothing is acknowledged while reading: the prefetch is how many can be held at all.
            self._reading.basic_qos(prefetch_count=wanted)
            for method, properties, body in self._reading.consume(DEAD_QUEUE, inactivity_timeout=SILENCE_SECONDS):
                if method is None:
                    break
                self._held[method.delivery_tag] = (properties, body)
                letters.append(_letter(method.delivery_tag, properties, body))
                if len(letters) == wanted:
                    break
            self._reading.cancel()
        return letters

    def remove(self, letter: DeadLetter) -> None:
        with _translated():
            self._reading.basic_ack(letter.tag)
        del self._held[letter.tag]

    def publish(self, job: Job) -> None:
        with _translated():
            try:
                self._publish(JOBS_EXCHANGE, job.workflow, encode_job(job), job_properties(job.submission_id))
            except UnroutableError as error:
                raise UnknownWorkflow(
                    f"no queue takes jobs of {job.workflow}: start an orchestrator that has this workflow, then again."
                ) from error

    def _renew(self) -> None:
        """Publish again what RabbitMQ would soon count as delivered too often; the copy comes first."""
        for tag, (properties, body) in self._held.items():
            headers = properties.headers or {}
            if max(_count(headers.get(name)) for name in _COUNTS) < LOOKS:
                continue
            letter = _letter(tag, properties, body)
            kept = {name: value for name, value in headers.items() if name not in _COUNTS}
            kept |= {REASON_HEADER: letter.reason, QUEUE_HEADER: letter.queue}
            if letter.since is not None:
                kept[SINCE_HEADER] = int(letter.since.timestamp())
            properties.headers = kept
            properties.delivery_mode = pika.DeliveryMode.Persistent.value
            self._publish(DEAD_EXCHANGE, DEAD_QUEUE, body, properties)
            self._reading.basic_ack(tag)

    def _publish(self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
        channel: BlockingChannel = self._publishing
        channel.basic_publish(exchange, key, body, properties=properties, mandatory=True)


def _letter(tag: int, properties: pika.BasicProperties, body: bytes) -> DeadLetter:
    headers: dict[str, Any] = properties.headers or {}
    deaths = headers.get("x-death")
    death: dict[str, Any] = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    since = headers.get(SINCE_HEADER, death.get("time", properties.timestamp))
    return DeadLetter(
        tag=tag,
        body=body,
        message_id=str(properties.message_id or ""),
        reason=str(headers.get(REASON_HEADER, death.get("reason", ""))),
        queue=str(headers.get(QUEUE_HEADER, death.get("queue", ""))),
        since=_time(since),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _time(value: object) -> datetime | None:
    """Read a header's time: an AMQP timestamp or seconds since 1970. None for anything else: headers are hostile."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(int(value), UTC) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):
        return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (AMQPError, OSError) as error:
        raise BrokerUnavailable(f"The broker does not answer ({str(error) or type(error).__name__}).") from error
