"""The job publisher without its broker: ``publish`` returns at once, and the sweep finds every job that is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pika
import pytest

from contracts.errors import StoreUnavailable
from contracts.messaging.jobs import Job
from contracts.messaging.topology import DELAYS_SECONDS, delay_queue, job_queue
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.adapters.rabbitmq.job_publisher import BUFFER_LIMIT, MARK_BATCH, RabbitJobPublisher
from gateway.submissions.ports import Backlog


@pytest.fixture
def job_publisher() -> RabbitJobPublisher:
    return RabbitJobPublisher("amqp://nowhere.invalid/", ["digits"], lambda _ids: None)


def job(number: int) -> Job:
    return Job(str(number), "digits", "v1.0.0")


def publish(job_publisher: RabbitJobPublisher) -> list[str]:
    """Publish the buffered jobs on a channel; return their ids in the order of their delivery tags."""
    published: list[str] = []

    def basic_publish(_exchange: str, _key: str, _body: bytes, properties: Any) -> None:
        assert properties.delivery_mode == 2
        published.append(properties.message_id)

    job_publisher._channel = SimpleNamespace(is_open=True, basic_publish=basic_publish)
    job_publisher._publish_waiting()
    return published


def confirm(job_publisher: RabbitJobPublisher, method: Any) -> list[str]:
    job_publisher._on_confirm(SimpleNamespace(method=method))
    confirmed = []
    while not job_publisher._confirmed.empty():
        confirmed.append(job_publisher._confirmed.get())
    return [key for key in confirmed if key is not None]


def test_without_a_broker_publish_returns_and_the_job_is_buffered(job_publisher: RabbitJobPublisher) -> None:
    job_publisher.publish(job(1))
    job_publisher.publish(job(2))
    assert not job_publisher.connected
    assert not job_publisher.has_consumers
    assert publish(job_publisher) == ["1", "2"]


def test_a_full_buffer_drops_the_oldest_jobs(job_publisher: RabbitJobPublisher) -> None:
    for number in range(BUFFER_LIMIT + 3):
        job_publisher.publish(job(number))
    assert publish(job_publisher)[0] == "3"


def test_unconfirmed_jobs_count_as_backlog_of_every_workflow(job_publisher: RabbitJobPublisher) -> None:
    for number in range(BUFFER_LIMIT + 3):
        job_publisher.publish(job(number))
    assert job_publisher.backlog("digits").waiting == BUFFER_LIMIT + 3  # the dropped ones wait for the sweep
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


def test_deferred_jobs_count_as_backlog(job_publisher: RabbitJobPublisher) -> None:
    count(job_publisher, 5, 2, 0.0)
    assert job_publisher.backlog("digits") == Backlog(5 + 2 * len(DELAYS_SECONDS), 0.0)
    job_publisher.publish(job(1))
    publish(job_publisher)
    confirm(job_publisher, pika.spec.Basic.Ack(delivery_tag=1))
    count(job_publisher, 2, 2, 2.0)  # five waited and one was published; two are left
    assert job_publisher.backlog("digits").drained_per_second == 1.0


def test_the_last_count_holds_while_the_broker_is_unavailable(job_publisher: RabbitJobPublisher) -> None:
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


def test_it_is_answered_when_every_queue_has_a_consumer(job_publisher: RabbitJobPublisher) -> None:
    publish(job_publisher)
    assert job_publisher.connected
    assert not job_publisher.has_consumers
    job_publisher._consumers["digits"] = 1
    assert job_publisher.has_consumers


def test_without_a_broker_an_event_is_dropped_without_an_error(job_publisher: RabbitJobPublisher) -> None:
    job_publisher.publish_event(SubmissionChanged("1", "digits", SubmissionState.CANCELED, None))
    assert publish(job_publisher) == []


def test_confirmed_jobs_are_marked_in_batches() -> None:
    marked: list[list[str]] = []
    job_publisher = RabbitJobPublisher("amqp://127.0.0.1:1/", ["digits"], marked.append)
    for number in range(500):
        job_publisher._confirmed.put(str(number))
    job_publisher._confirmed.put(None)
    job_publisher._mark_confirmed()
    assert [each for ids in marked for each in ids] == [str(number) for number in range(500)]
    assert max(map(len, marked)) == MARK_BATCH


def test_an_unavailable_store_loses_marks_and_does_not_end_the_thread() -> None:
    def away(_ids: list[str]) -> None:
        raise StoreUnavailable("away")

    job_publisher = RabbitJobPublisher("amqp://127.0.0.1:1/", ["digits"], away)
    job_publisher._confirmed.put("1")
    job_publisher._confirmed.put(None)
    job_publisher._mark_confirmed()
    assert job_publisher._confirmed.empty()
