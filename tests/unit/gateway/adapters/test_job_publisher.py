"""The doorbell away from its broker: a ring costs nothing, and nothing is lost that the sweep cannot find."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pika
import pytest

from contracts.errors import StoreUnavailable
from contracts.messaging.jobs import Job
from contracts.messaging.topology import DELAYS_SECONDS, delay_queue, job_queue, topology
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.adapters.rabbitmq.job_publisher import BUFFER_LIMIT, MARK_BATCH, RabbitJobPublisher
from gateway.submissions.ports import Backlog


@pytest.fixture
def job_publisher() -> RabbitJobPublisher:
    return RabbitJobPublisher("amqp://nowhere.invalid/", topology(["digits"]), ["digits"], lambda _ids: None)


def job(number: int) -> Job:
    return Job(str(number), "digits", "v1.0.0")


def publish(job_publisher: RabbitJobPublisher) -> list[str]:
    """Let the bell publish on a channel; return the ids in the order of their delivery tags."""
    published: list[str] = []

    def basic_publish(_exchange: str, _key: str, _body: bytes, properties: Any) -> None:
        assert properties.delivery_mode == 2
        published.append(properties.message_id)

    job_publisher._channel = SimpleNamespace(is_open=True, basic_publish=basic_publish)
    job_publisher._publish_waiting()
    return published


def confirm(job_publisher: RabbitJobPublisher, method: Any) -> list[str]:
    job_publisher._on_confirm(SimpleNamespace(method=method))
    told = []
    while not job_publisher._confirmed.empty():
        told.append(job_publisher._confirmed.get())
    return [key for key in told if key is not None]


def test_without_a_broker_a_ring_returns_and_is_kept(job_publisher: RabbitJobPublisher) -> None:
    job_publisher.publish(job(1))
    job_publisher.publish(job(2))
    assert not job_publisher.connected
    assert not job_publisher.has_consumers
    assert publish(job_publisher) == ["1", "2"]


def test_of_too_many_rings_the_newest_are_kept(job_publisher: RabbitJobPublisher) -> None:
    for number in range(BUFFER_LIMIT + 3):
        job_publisher.publish(job(number))
    assert publish(job_publisher)[0] == "3"


def test_what_the_broker_has_not_got_waits_for_every_workflow(job_publisher: RabbitJobPublisher) -> None:
    for number in range(BUFFER_LIMIT + 3):
        job_publisher.publish(job(number))
    assert job_publisher.backlog("digits").waiting == BUFFER_LIMIT + 3  # those that fell out wait for the sweep
    publish(job_publisher)
    assert job_publisher.backlog("digits").waiting == BUFFER_LIMIT + 3
    confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=BUFFER_LIMIT, multiple=True))
    job_publisher._dropped = 0  # as when it connects
    assert job_publisher.backlog("digits").waiting == 0


def count(job_publisher: RabbitJobPublisher, messages: int, delayed: int, seconds: float) -> None:
    for name in [*(delay_queue("digits", delay) for delay in DELAYS_SECONDS), job_queue("digits")]:
        number = messages if name == job_queue("digits") else delayed
        job_publisher._on_count(
            "digits", name, seconds, SimpleNamespace(method=pika.spec.Queue.DeclareOk(name, number, 1))
        )


def test_what_was_set_aside_waits_too(job_publisher: RabbitJobPublisher) -> None:
    count(job_publisher, 5, 2, 0.0)
    assert job_publisher.backlog("digits") == Backlog(5 + 2 * len(DELAYS_SECONDS), 0.0)
    job_publisher.publish(job(1))
    publish(job_publisher)
    confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=1))
    count(job_publisher, 2, 2, 2.0)  # five were there and one was rung for; two are left
    assert job_publisher.backlog("digits").drained_per_second == 1.0


def test_what_the_broker_said_last_holds_while_it_is_away(job_publisher: RabbitJobPublisher) -> None:
    count(job_publisher, 7, 0, 0.0)
    job_publisher._channel = None
    job_publisher.publish(job(1))
    assert job_publisher.backlog("digits").waiting == 8


def test_only_what_the_broker_confirmed_is_recorded(job_publisher: RabbitJobPublisher) -> None:
    for number in range(1, 6):
        job_publisher.publish(job(number))
    publish(job_publisher)
    assert confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=2, multiple=True)) == ["1", "2"]
    assert confirm(job_publisher, pika.spec.Basic.Nack(delivery_tag=3)) == []
    assert confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=5)) == ["5"]
    assert confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=5)) == []
    assert [waiting.submission_id for waiting in job_publisher._unconfirmed.values()] == ["4"]


def test_it_is_answered_when_somebody_listens_to_every_queue(job_publisher: RabbitJobPublisher) -> None:
    publish(job_publisher)
    assert job_publisher.connected
    assert not job_publisher.has_consumers
    job_publisher._consumers["digits"] = 1
    assert job_publisher.has_consumers


def test_a_notice_without_a_broker_is_lost_and_nobody_minds(job_publisher: RabbitJobPublisher) -> None:
    job_publisher.publish_event(SubmissionChanged("1", "digits", SubmissionState.CANCELED, None))
    assert publish(job_publisher) == []


def test_what_was_confirmed_is_told_soon_and_a_few_at_a_time() -> None:
    told: list[list[str]] = []
    job_publisher = RabbitJobPublisher("amqp://127.0.0.1:1/", topology(["digits"]), ["digits"], told.append)
    for number in range(500):
        job_publisher._confirmed.put(str(number))
    job_publisher._confirmed.put(None)
    job_publisher._mark_confirmed()
    assert [each for ids in told for each in ids] == [str(number) for number in range(500)]
    assert max(map(len, told)) == MARK_BATCH


def test_a_store_that_is_away_loses_marks_and_not_the_thread() -> None:
    def away(_ids: list[str]) -> None:
        raise StoreUnavailable("away")

    job_publisher = RabbitJobPublisher("amqp://127.0.0.1:1/", topology(["digits"]), ["digits"], away)
    job_publisher._confirmed.put("1")
    job_publisher._confirmed.put(None)
    job_publisher._mark_confirmed()
    assert job_publisher._confirmed.empty()
