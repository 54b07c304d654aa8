"""What is declared in RabbitMQ."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.messaging.topology import (
    DELAYS_SECONDS,
    Queue,
    declare,
    delay_queue,
    job_queue,
    shortest_delay,
    topology,
)

WANTED = topology(["b", "a"])


def queue(name: str) -> Queue:
    return next(queue for queue in WANTED.queues if queue.name == name)


def test_jobs_go_to_one_queue_and_events_to_whoever_listens() -> None:
    kinds = {"showcase.jobs": "direct", "showcase.dead": "direct", "showcase.events": "topic"}
    assert {exchange.name: exchange.kind for exchange in WANTED.exchanges} == kinds


def test_every_queue_is_replicated_and_named_once() -> None:
    names = [queue.name for queue in WANTED.queues]
    assert len(set(names)) == len(names) == 1 + 2 * (1 + len(DELAYS_SECONDS))
    assert {queue.arguments["x-queue-type"] for queue in WANTED.queues} == {"quorum"}


def test_jobs_that_kill_their_consumers_are_dead_lettered() -> None:
    jobs = queue("showcase.jobs.a")
    assert jobs.bindings == (("showcase.jobs", "a"),)
    assert jobs.arguments["x-delivery-limit"] == 5
    assert queue(jobs.arguments["x-dead-letter-routing-key"]).bindings == (
        (jobs.arguments["x-dead-letter-exchange"], "showcase.dead"),
    )


@pytest.mark.parametrize("seconds", DELAYS_SECONDS)
def test_a_delay_leads_back_to_its_workflow(seconds: int) -> None:
    waiting = queue(delay_queue("a", seconds))
    assert waiting.arguments["x-message-ttl"] == seconds * 1000
    back = (waiting.arguments["x-dead-letter-exchange"], waiting.arguments["x-dead-letter-routing-key"])
    assert back in queue(job_queue("a")).bindings
    assert waiting.bindings == ()


def test_the_dead_letters_cannot_fill_the_disk() -> None:
    assert queue("showcase.dead").arguments["x-max-length"] == 10_000
    assert queue("showcase.dead").arguments["x-overflow"] == "drop-head"


@pytest.mark.parametrize(("seconds", "delay"), [(-1, 2), (0, 2), (2, 2), (2.01, 5), (15, 15), (16, 60), (9999, 60)])
def test_a_delay_lasts_at_least_as_long_as_asked(seconds: float, delay: int) -> None:
    assert shortest_delay(seconds) == delay


def test_exchanges_are_declared_before_what_is_bound_to_them() -> None:
    class Channel:
        def __init__(self) -> None:
            self.exchanges: list[str] = []
            self.queues: dict[str, dict[str, Any]] = {}
            self.bound: list[tuple[str, str, str]] = []

        def exchange_declare(self, exchange: str, exchange_type: str, *, durable: bool) -> None:
            assert durable
            self.exchanges.append(exchange)

        def queue_declare(self, queue: str, *, durable: bool, arguments: dict[str, Any]) -> None:
            assert durable
            self.queues[queue] = arguments

        def queue_bind(self, queue: str, exchange: str, routing_key: str) -> None:
            assert queue in self.queues
            assert exchange in self.exchanges
            self.bound.append((queue, exchange, routing_key))

    channel = Channel()
    declare(channel, WANTED)
    assert channel.queues == {queue.name: queue.arguments for queue in WANTED.queues}
    assert len(channel.bound) == 3
