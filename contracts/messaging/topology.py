"""RabbitMQ's exchanges and queues with their arguments, as data: all processes declare the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

JOBS_EXCHANGE = "showcase.jobs"
EVENTS_EXCHANGE = "showcase.events"
DEAD_EXCHANGE = "showcase.dead"
DEAD_QUEUE = "showcase.dead"
DELAYS_SECONDS = (2, 5, 15, 60)
"""Each delay has its own queue, because RabbitMQ expires messages only at a queue's head."""

DELIVERY_LIMIT = 5
"""Deliveries whose consumer may stop before RabbitMQ dead-letters the message."""

DEAD_QUEUE_LENGTH = 10_000
"""The dead-letter queue keeps this many of the newest messages, so that it cannot fill the disk."""

PASSES_HEADER = "x-showcase-passes"
"""How many times orchestrators that could not read a message of a newer release have passed it on."""

REASON_HEADER = "x-showcase-reason"
"""The reason, on a dead letter that we published ourselves. On its own dead letters RabbitMQ sets ``x-death``."""

POISON = "poison"
"""The reason of a job whose submission too many orchestrators held when they stopped."""


@dataclass(frozen=True)
class Exchange:
    name: str
    kind: str


@dataclass(frozen=True)
class Queue:
    """A durable queue; ``bindings`` are (exchange, routing key)."""

    name: str
    arguments: dict[str, Any]
    bindings: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Topology:
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]


def event_key(submission_id: str, state: str) -> str:
    return f"submission.{submission_id}.{state}"


CATALOGUE_CHANGED = "catalogue.changed"
"""The routing key of the notification that the registry of workflows has changed. It has no body: read the registry."""

SUBMISSIONS_BINDING = "submission.#"
"""The binding key of a gateway's own queue: every change of every submission."""

EVENTS_QUEUE: dict[str, Any] = {"x-max-length": 10_000, "x-overflow": "drop-head"}
"""The arguments of that queue, which is deleted with its connection. A gateway that cannot keep up misses the oldest
notifications; it then reads the documents."""


def job_queue(workflow: str) -> str:
    return f"{JOBS_EXCHANGE}.{workflow}"


def delay_queue(workflow: str, seconds: int) -> str:
    return f"showcase.delay.{seconds}.{workflow}"


def shortest_delay(seconds: float) -> int:
    """Return the shortest of the delays that is at least ``seconds`` long, or the longest one."""
    return next((delay for delay in DELAYS_SECONDS if delay >= seconds), DELAYS_SECONDS[-1])


def topology(workflows: Iterable[str]) -> Topology:
    """Return everything that must be declared for these workflows.

    Jobs wait in quorum queues. A delay queue has no consumer: its messages expire and are dead-lettered back into
    the jobs exchange with the workflow as routing key.
    """
    queues = [
        Queue(
            DEAD_QUEUE,
            {"x-queue-type": "quorum", "x-max-length": DEAD_QUEUE_LENGTH, "x-overflow": "drop-head"},
            ((DEAD_EXCHANGE, DEAD_QUEUE),),
        )
    ]
    for workflow in sorted(workflows):
        queues.append(
            Queue(
                job_queue(workflow),
                {
                    "x-queue-type": "quorum",
                    "x-delivery-limit": DELIVERY_LIMIT,
                    "x-dead-letter-exchange": DEAD_EXCHANGE,
                    "x-dead-letter-routing-key": DEAD_QUEUE,
                },
                ((JOBS_EXCHANGE, workflow),),
            )
        )
        queues.extend(
            Queue(
                delay_queue(workflow, seconds),
                {
                    "x-queue-type": "quorum",
                    "x-message-ttl": seconds * 1000,
                    "x-dead-letter-exchange": JOBS_EXCHANGE,
                    "x-dead-letter-routing-key": workflow,
                },
            )
            for seconds in DELAYS_SECONDS
        )
    exchanges = (
        Exchange(JOBS_EXCHANGE, "direct"),
        Exchange(DEAD_EXCHANGE, "direct"),
        Exchange(EVENTS_EXCHANGE, "topic"),
    )
    return Topology(exchanges, tuple(queues))


class Channel(Protocol):
    """The methods of an AMQP channel that declare; pika's blocking channel has them."""

    def exchange_declare(self, exchange: str, exchange_type: str, *, durable: bool) -> Any: ...

    def queue_declare(self, queue: str, *, durable: bool, arguments: dict[str, Any]) -> Any: ...

    def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any: ...


def declare(channel: Channel, wanted: Topology) -> None:
    """Declare everything; what exists already stays as it is."""
    for exchange in wanted.exchanges:
        channel.exchange_declare(exchange.name, exchange.kind, durable=True)
    for queue in wanted.queues:
        channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
        for exchange_name, key in queue.bindings:
            channel.queue_bind(queue.name, exchange_name, key)
