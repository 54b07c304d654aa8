"""The dead letters on a real RabbitMQ: reading never removes one, and requeuing loses none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from admin.adapters.rabbitmq import LOOKS, RabbitDeadLetters
from admin.ports import DeadLetter
from contracts.errors import BrokerUnavailable, UnknownWorkflow
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import (
    DEAD_EXCHANGE,
    DEAD_QUEUE,
    DELIVERY_LIMIT,
    JOBS_EXCHANGE,
    declare,
    job_queue,
    topology,
)
from runtime.amqp import job_properties
from tests.support.local_cluster import LocalCluster, free_ports
from tests.support.patience import eventually

WORKFLOW = "workflow_000"


def job(name: str) -> Job:
    return Job(name, WORKFLOW, "v1.0.0")


@pytest.fixture
def channel(amqp_url: str) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    made = connection.channel()
    made.confirm_delivery()
    declare(made, topology([WORKFLOW]))
    yield made
    with suppress(AMQPError):  # a test closes all connections
        connection.close()


def put(
    channel: BlockingChannel,
    body: bytes,
    name: str,
    exchange: str = DEAD_EXCHANGE,
    key: str = DEAD_QUEUE,
    headers: dict[str, Any] | None = None,
) -> None:
    channel.basic_publish(exchange, key, body, properties=job_properties(name, headers), mandatory=True)


def read_letters(url: str, limit: int = 100) -> list[DeadLetter]:
    """Return at most ``limit`` letters of the queue."""
    with RabbitDeadLetters(url) as letters:
        return letters.read(limit)


def test_reading_keeps_the_letters_and_their_order(amqp_url: str, channel: BlockingChannel) -> None:
    for number in range(5):
        put(channel, encode_job(job(str(number))), str(number))
    for _ in range(3):
        eventually(lambda: [each.message_id for each in read_letters(amqp_url)] == ["0", "1", "2", "3", "4"])
    eventually(lambda: [each.message_id for each in read_letters(amqp_url, 2)] == ["0", "1"])
    with RabbitDeadLetters(amqp_url) as letters:
        eventually(lambda: letters.waiting() == 5)
    assert read_letters(amqp_url, 0) == []


def test_reading_often_does_not_reach_the_delivery_limit(amqp_url: str, channel: BlockingChannel) -> None:
    """RabbitMQ 4 drops a message that a queue has delivered 20 times."""
    put(channel, b"garbage", "a", JOBS_EXCHANGE, WORKFLOW)
    method, _, _ = channel.basic_get(job_queue(WORKFLOW))
    channel.basic_nack(method.delivery_tag, requeue=False)
    eventually(lambda: len(read_letters(amqp_url)) == 1)
    (first,) = read_letters(amqp_url)
    for _ in range(LOOKS * 2):
        eventually(lambda: len(read_letters(amqp_url)) == 1)
    (last,) = read_letters(amqp_url)
    assert (last.reason, last.queue, last.since) == (first.reason, first.queue, first.since)
    assert (last.reason, last.queue, last.body) == ("rejected", job_queue(WORKFLOW), b"garbage")
    eventually(lambda: channel.queue_declare(DEAD_QUEUE, passive=True).method.message_count == 1)
    _, properties, _ = channel.basic_get(DEAD_QUEUE)
    assert int((properties.headers or {}).get("x-delivery-count", 0)) <= LOOKS + 1


def test_a_letter_names_the_delivery_limit_as_its_reason(amqp_url: str, channel: BlockingChannel) -> None:
    put(channel, encode_job(job("a")), "a", JOBS_EXCHANGE, WORKFLOW)
    for _ in range(DELIVERY_LIMIT + 1):
        eventually(lambda: channel.queue_declare(job_queue(WORKFLOW), passive=True).method.message_count == 1)
        method, _, _ = channel.basic_get(job_queue(WORKFLOW))
        channel.basic_nack(method.delivery_tag, requeue=True)
    eventually(lambda: len(read_letters(amqp_url)) == 1)
    (letter,) = read_letters(amqp_url)
    assert (letter.reason, letter.queue) == ("delivery_limit", job_queue(WORKFLOW))
    assert letter.since is not None


def test_only_a_removed_letter_leaves_the_queue(amqp_url: str, channel: BlockingChannel) -> None:
    for name in ("a", "b"):
        put(channel, encode_job(job(name)), name)
    with RabbitDeadLetters(amqp_url) as letters:
        first, _second = letters.read(10)
        letters.publish(job("a"))
        letters.remove(first)
    eventually(lambda: [each.message_id for each in read_letters(amqp_url)] == ["b"])
    _, _, body = channel.basic_get(job_queue(WORKFLOW), auto_ack=True)
    assert body == encode_job(job("a"))


def test_a_job_without_a_queue_is_an_unknown_workflow(amqp_url: str, channel: BlockingChannel) -> None:
    with RabbitDeadLetters(amqp_url) as letters:
        with pytest.raises(UnknownWorkflow, match="workflow_999"):
            letters.publish(Job("a", "workflow_999", "v1.0.0"))
        letters.publish(job("a"))  # the channel has survived it


def test_a_lost_connection_is_reported_and_the_letters_return(
    amqp_url: str, channel: BlockingChannel, parts: LocalCluster
) -> None:
    put(channel, encode_job(job("a")), "a")
    with RabbitDeadLetters(amqp_url) as letters:
        assert len(letters.read(10)) == 1
        parts.rabbitmqctl("close_all_connections", "--vhost", amqp_url.rsplit("/", 1)[1], "a test closes it")
        with pytest.raises(BrokerUnavailable):
            letters.publish(job("a"))
    eventually(lambda: [each.message_id for each in read_letters(amqp_url)] == ["a"])


def test_malformed_headers_are_ignored(amqp_url: str, channel: BlockingChannel) -> None:
    put(channel, b"x", "a", headers={"x-showcase-since": 2**62, "x-death": [1], "x-acquired-count": "many"})
    (letter,) = read_letters(amqp_url)
    assert (letter.reason, letter.queue, letter.since) == ("", "", None)


def test_a_broker_that_is_down_is_reported() -> None:
    with pytest.raises(BrokerUnavailable), RabbitDeadLetters(f"amqp://x:y@127.0.0.1:{free_ports(1)}/x"):
        pass
