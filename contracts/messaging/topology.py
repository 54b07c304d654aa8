"""RabbitMQ's exchanges and queues and their arguments, as data: both processes declare the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

JOBS_EXCHANGE = "showcase.jobs"
EVENTS_EXCHANGE = "showcase.events"
DEAD_EXCHANGE = "showcase.dead"
DEAD_QUEUE = "showcase.dead"
DELAYS_SECONDS = (2, 5, 15, 60)
"""One delay queue each. A queue has one delay, because RabbitMQ expires messages at a queue's head only."""

DELIVERY_LIMIT = 5
"""Deliveries that may end with their consumer's death before RabbitMQ dead-letters the message."""

DEAD_QUEUE_LENGTH = 10_000
"""The dead-letter queue keeps the newest so many: it is there to be read, and must not fill the disk."""

PASSES_HEADER = "x-showcase-passes"
"""How often a message of a newer release was passed on by orchestrators that could not read it."""

REASON_HEADER = "x-showcase-reason"
"""On a dead letter that we put there ourselves: why. RabbitMQ says in ``x-death`` why it put one there."""

POISON = "poison"
"""Too many orchestrators stopped while they had the letter's submission."""


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


EVENTS_BINDING = "submission.#"
"""What a gateway's own queue is bound with: every move of every submission."""

EVENTS_QUEUE: dict[str, Any] = {"x-max-length": 10_000, "x-overflow": "drop-head"}
"""The arguments of that queue, which ends with its connection. A gateway that does not keep up misses the oldest
notices, and its clients look at the documents."""


def job_queue(workflow: str) -> str:
    return f"{JOBS_EXCHANGE}.{workflow}"


def delay_queue(workflow: str, seconds: int) -> str:
    return f"showcase.delay.{seconds}.{workflow}"


def shortest_delay(seconds: float) -> int:
    """Return the shortest delay queue's seconds that last at least ``seconds``, or the longest there is."""
    return next((delay for delay in DELAYS_SECONDS if delay >= seconds), DELAYS_SECONDS[-1])


def topology(workflows: Iterable[str]) -> Topology:
    """Return all that must be declared for these workflows.

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
    """The part of an AMQP client's channel that declares; pika's blocking channel has it."""

    def exchange_declare(self, exchange: str, exchange_type: str, *, durable: bool) -> Any: ...

    def queue_declare(self, queue: str, *, durable: bool, arguments: dict[str, Any]) -> Any: ...

    def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any: ...


def declare(channel: Channel, wanted: Topology) -> None:
    """Declare everything; what is there already stays as it is."""
    for exchange in wanted.exchanges:
        channel.exchange_declare(exchange.name, exchange.kind, durable=True)
    for queue in wanted.queues:
        channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
        for exchange_name, key in queue.bindings:
            channel.queue_bind(queue.name, exchange_name, key)
