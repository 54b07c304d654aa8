"""The doorbell away from its broker: a ring costs nothing, and nothing is lost that the sweep cannot find."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pika
import pytest

from contracts.errors import StoreUnavailable
from contracts.messaging.jobs import Job
from contracts.messaging.topology import DELAYS_SECONDS, delay_queue, job_queue, topology
from contracts.submissions.events import Notice
from contracts.submissions.states import SubmissionState
from gateway.adapters.rabbitmq.job_publisher import BATCH, WAITING_LIMIT, RabbitDoorbell
from gateway.submissions.ports import Backlog


@pytest.fixture
def bell() -> RabbitDoorbell:
    return RabbitDoorbell("amqp://nowhere.invalid/", topology(["digits"]), ["digits"], lambda _ids: None)


def job(number: int) -> Job:
    return Job(str(number), "digits", "v1.0.0")


def publish(bell: RabbitDoorbell) -> list[str]:
    """Let the bell publish on a channel; return the ids in the order of their delivery tags."""
    published: list[str] = []

    def basic_publish(_exchange: str, _key: str, _body: bytes, properties: Any) -> None:
        assert properties.delivery_mode == 2
        published.append(properties.message_id)

    bell._channel = SimpleNamespace(is_open=True, basic_publish=basic_publish)
    bell._publish()
    return published


def confirm(bell: RabbitDoorbell, method: Any) -> list[str]:
    bell._on_confirm(SimpleNamespace(method=method))
    told = []
    while not bell._confirmed.empty():
        told.append(bell._confirmed.get())
    return [key for key in told if key is not None]


def test_without_a_broker_a_ring_returns_and_is_kept(bell: RabbitDoorbell) -> None:
    bell.ring(job(1))
    bell.ring(job(2))
    assert not bell.connected
    assert not bell.answered
    assert publish(bell) == ["1", "2"]


def test_of_too_many_rings_the_newest_are_kept(bell: RabbitDoorbell) -> None:
    for number in range(WAITING_LIMIT + 3):
        bell.ring(job(number))
    assert publish(bell)[0] == "3"


def test_what_the_broker_has_not_got_waits_for_every_workflow(bell: RabbitDoorbell) -> None:
    for number in range(WAITING_LIMIT + 3):
        bell.ring(job(number))
    assert bell.backlog("digits").waiting == WAITING_LIMIT + 3  # those that fell out wait for the sweep
    publish(bell)
    assert bell.backlog("digits").waiting == WAITING_LIMIT + 3
    confirm(bell, pika.spec.Basic.Ack(delivery_tag=WAITING_LIMIT, multiple=True))
    bell._missed = 0  # as when it connects
    assert bell.backlog("digits").waiting == 0


def count(bell: RabbitDoorbell, messages: int, delayed: int, seconds: float) -> None:
    for name in [*(delay_queue("digits", delay) for delay in DELAYS_SECONDS), job_queue("digits")]:
        number = messages if name == job_queue("digits") else delayed
        bell._counted("digits", name, seconds, SimpleNamespace(method=pika.spec.Queue.DeclareOk(name, number, 1)))


def test_what_was_set_aside_waits_too(bell: RabbitDoorbell) -> None:
    count(bell, 5, 2, 0.0)
    assert bell.backlog("digits") == Backlog(5 + 2 * len(DELAYS_SECONDS), 0.0)
    bell.ring(job(1))
    publish(bell)
    confirm(bell, pika.spec.Basic.Ack(delivery_tag=1))
    count(bell, 2, 2, 2.0)  # five were there and one was rung for; two are left
    assert bell.backlog("digits").drained_per_second == 1.0


def test_what_the_broker_said_last_holds_while_it_is_away(bell: RabbitDoorbell) -> None:
    count(bell, 7, 0, 0.0)
    bell._channel = None
    bell.ring(job(1))
    assert bell.backlog("digits").waiting == 8


def test_only_what_the_broker_confirmed_is_recorded(bell: RabbitDoorbell) -> None:
    for number in range(1, 6):
        bell.ring(job(number))
    publish(bell)
    assert confirm(bell, pika.spec.Basic.Ack(delivery_tag=2, multiple=True)) == ["1", "2"]
    assert confirm(bell, pika.spec.Basic.Nack(delivery_tag=3)) == []
    assert confirm(bell, pika.spec.Basic.Ack(delivery_tag=5)) == ["5"]
    assert confirm(bell, pika.spec.Basic.Ack(delivery_tag=5)) == []
    assert [waiting.submission_id for waiting in bell._unconfirmed.values()] == ["4"]


def test_it_is_answered_when_somebody_listens_to_every_queue(bell: RabbitDoorbell) -> None:
    publish(bell)
    assert bell.connected
    assert not bell.answered
    bell._listeners["digits"] = 1
    assert bell.answered


def test_a_notice_without_a_broker_is_lost_and_nobody_minds(bell: RabbitDoorbell) -> None:
    bell.announce(Notice("1", "digits", SubmissionState.CANCELED, None))
    assert publish(bell) == []


def test_what_was_confirmed_is_told_soon_and_a_few_at_a_time() -> None:
    told: list[list[str]] = []
    bell = RabbitDoorbell("amqp://127.0.0.1:1/", topology(["digits"]), ["digits"], told.append)
    for number in range(500):
        bell._confirmed.put(str(number))
    bell._confirmed.put(None)
    bell._mark()
    assert [each for ids in told for each in ids] == [str(number) for number in range(500)]
    assert max(map(len, told)) == BATCH


def test_a_store_that_is_away_loses_marks_and_not_the_thread() -> None:
    def away(_ids: list[str]) -> None:
        raise StoreUnavailable("away")

    bell = RabbitDoorbell("amqp://127.0.0.1:1/", topology(["digits"]), ["digits"], away)
    bell._confirmed.put("1")
    bell._confirmed.put(None)
    bell._mark()
    assert bell._confirmed.empty()
