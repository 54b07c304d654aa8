"""The job publisher and the broker on a real RabbitMQ: a job arrives, is acknowledged once and survives reconnects."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Protocol

import pytest

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job, decode_job
from contracts.messaging.topology import DEAD_QUEUE, DELAYS_SECONDS
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.adapters.rabbitmq.event_subscriber import RabbitEventSubscriber
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from gateway.events.subscriptions import EventBroadcaster
from orchestrator.adapters.rabbitmq.broker import Broker, Delivery
from tests.support.local_cluster import LocalCluster, free_ports
from tests.support.patience import PATIENCE, eventually

WORKFLOWS = ["workflow_000", "workflow_001"]


def job(name: str, workflow: str = "workflow_000") -> Job:
    return Job(name, workflow, "v1.0.0")


class Listener:
    """A broker on its thread, and what it received."""

    def __init__(self, url: str, prefetch: int = 4) -> None:
        self.broker = Broker(url, WORKFLOWS, prefetch)
        self.received: queue.Queue[Delivery] = queue.Queue()
        self.thread = threading.Thread(target=self.broker.run, args=(self.received.put,))
        self.thread.start()

    def next(self) -> Delivery:
        return self.received.get(timeout=PATIENCE)

    def close(self) -> None:
        self.broker.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


class Listen(Protocol):
    def __call__(self, prefetch: int = 4) -> Listener:
        """Start a listener that stops when the test ends."""


@pytest.fixture
def listen(amqp_url: str) -> Iterator[Listen]:
    made: list[Listener] = []

    def make(prefetch: int = 4) -> Listener:
        made.append(Listener(amqp_url, prefetch))
        eventually(lambda: publishing_works(made[-1].broker))
        return made[-1]

    yield make
    for each in made:
        each.close()


Confirmed = queue.Queue[list[str]]


@pytest.fixture
def confirmed() -> Confirmed:
    """The batches of submission ids that ``job_publisher`` reports as confirmed."""
    return queue.Queue()


@pytest.fixture
def job_publisher(amqp_url: str, confirmed: Confirmed) -> Iterator[RabbitJobPublisher]:
    job_publisher = RabbitJobPublisher(amqp_url, WORKFLOWS, confirmed.put)
    job_publisher.start()
    yield job_publisher
    job_publisher.stop()


def publishing_works(broker: Broker) -> bool:
    try:
        broker.waiting(WORKFLOWS[0])
    except BrokerUnavailable:
        return False
    return True


def test_a_job_arrives_and_is_confirmed(
    listen: Listen, job_publisher: RabbitJobPublisher, confirmed: Confirmed
) -> None:
    listener = listen()
    job_publisher.publish(job("a"))
    delivery = listener.next()
    assert decode_job(delivery.body) == job("a")
    assert confirmed.get(timeout=PATIENCE) == ["a"]
    delivery.acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_000") == 0)


def test_jobs_that_are_published_before_the_broker_starts_are_kept(amqp_url: str, listen: Listen) -> None:
    confirmed: Confirmed = queue.Queue()
    job_publisher = RabbitJobPublisher(amqp_url, WORKFLOWS, confirmed.put)
    for number in range(250):
        job_publisher.publish(job(str(number)))
    assert not job_publisher.connected
    job_publisher.start()
    ids: list[str] = []
    while len(ids) < 250:
        batch = confirmed.get(timeout=PATIENCE)
        assert len(batch) <= 100
        ids += batch
    job_publisher.stop()
    assert sorted(ids, key=int) == [str(number) for number in range(250)]


def test_a_published_event_arrives_and_delays_no_job(
    listen: Listen, job_publisher: RabbitJobPublisher, confirmed: Confirmed, amqp_url: str
) -> None:
    listen()
    broadcaster = EventBroadcaster(10)
    changes: queue.Queue[SubmissionChanged] = queue.Queue()
    broadcaster.subscribe("a", changes.put)
    listener = RabbitEventSubscriber(amqp_url, broadcaster, lambda: None)
    listener.start()
    eventually(lambda: broadcaster.listening and job_publisher._events is not None)
    change = SubmissionChanged("a", "workflow_000", SubmissionState.CANCELED, None)
    job_publisher.publish_event(change)
    job_publisher.publish(job("a"))
    assert changes.get(timeout=PATIENCE) == change
    assert confirmed.get(timeout=PATIENCE) == ["a"]
    listener.stop()


def test_the_publisher_knows_whether_a_queue_is_consumed(job_publisher: RabbitJobPublisher, listen: Listen) -> None:
    eventually(lambda: job_publisher.connected)
    assert not job_publisher.has_consumers
    listen()
    eventually(lambda: job_publisher.has_consumers)


def test_the_publisher_knows_the_backlog(job_publisher: RabbitJobPublisher, listen: Listen) -> None:
    listener = listen(prefetch=1)
    for number in range(4):
        job_publisher.publish(job(str(number)))
    listener.next()
    listener.broker.publish(job("deferred"), 60)
    eventually(lambda: job_publisher.backlog("workflow_000").waiting == 3 + 1)
    assert job_publisher.backlog("workflow_001").waiting == 0


def test_the_publisher_remembers_the_backlog_while_disconnected(job_publisher: RabbitJobPublisher) -> None:
    eventually(lambda: job_publisher.connected)
    for number in range(4):
        job_publisher.publish(job(str(number)))
    eventually(lambda: job_publisher._statistics["workflow_000"].waiting == 4)
    job_publisher.stop()
    eventually(lambda: not job_publisher.connected)
    assert job_publisher.backlog("workflow_000").waiting == 4
    job_publisher.publish(job("held"))
    assert job_publisher.backlog("workflow_000").waiting == 5


def test_a_delayed_job_arrives_later(listen: Listen) -> None:
    listener = listen()
    begun = time.monotonic()
    listener.broker.publish(job("later", "workflow_001"), 1.5)
    delivery = listener.next()
    assert decode_job(delivery.body) == job("later", "workflow_001")
    assert time.monotonic() - begun >= 1.5
    delivery.acknowledge()


def test_no_more_than_the_prefetch_is_delivered(listen: Listen) -> None:
    listener = listen(prefetch=2)
    for number in range(5):
        listener.broker.publish(job(str(number)))
    first, second = listener.next(), listener.next()
    eventually(lambda: listener.broker.waiting("workflow_000") == 3)
    first.acknowledge()
    second.requeue()
    assert {decode_job(listener.next().body).submission_id for _ in range(2)} <= {"1", "2", "3"}


def test_unreadable_and_poison_jobs_become_dead_letters(listen: Listen, parts: LocalCluster, amqp_url: str) -> None:
    listener = listen()
    listener.broker.publish(job("garbage"))
    listener.next().dead_letter()
    listener.broker.dead_letter_job(job("poison"))
    vhost = amqp_url.rsplit("/", 1)[1]
    eventually(lambda: f"{DEAD_QUEUE}\t2" in parts.rabbitmqctl("list_queues", "-q", "-p", vhost, "name", "messages"))


def test_a_passed_on_message_returns_unchanged_and_later_each_time(listen: Listen) -> None:
    listener = listen()
    listener.broker.publish_as_is("workflow_001", b'{"schema": 2}', "newer", 2, 0)
    for passes, seconds in enumerate(DELAYS_SECONDS[:2]):
        delivery = listener.next()
        assert (delivery.body, delivery.passes) == (b'{"schema": 2}', passes)
        begun = time.monotonic()
        delivery.pass_on()
        last = listener.next()
        assert time.monotonic() - begun >= seconds
        assert last.passes == passes + 1
        listener.received.put(last)
    listener.next().acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_001") == 0)


def test_a_message_that_cannot_be_passed_on_is_redelivered(listen: Listen) -> None:
    first = listen()
    first.broker.publish(job("a"))
    delivery = first.next()
    first.close()
    delivery.pass_on()  # goes nowhere: RabbitMQ has it again already
    assert decode_job(listen().next().body) == job("a")


def test_a_lost_connection_loses_no_message(
    listen: Listen, job_publisher: RabbitJobPublisher, parts: LocalCluster, amqp_url: str
) -> None:
    listener = listen()
    eventually(lambda: job_publisher.connected)
    job_publisher.publish(job("held"))
    held = listener.next()
    parts.rabbitmqctl("close_all_connections", "--vhost", amqp_url.rsplit("/", 1)[1], "a test closes it")
    held.acknowledge()  # goes nowhere: its channel is gone, and RabbitMQ delivers the message again
    assert decode_job(listener.next().body) == job("held")
    job_publisher.publish(job("after"))
    while decode_job((delivery := listener.next()).body) != job("after"):
        delivery.acknowledge()
    delivery.acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_000") == 0)


def test_a_draining_broker_consumes_no_more(listen: Listen) -> None:
    listener = listen()
    listener.broker.publish(job("before"))
    held = listener.next()
    listener.broker.drain()
    listener.broker.publish(job("after"))
    held.acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_000") == 1)
    assert listener.received.empty()


def test_a_broker_that_is_down_is_reported() -> None:
    broker = Broker(f"amqp://x:y@127.0.0.1:{free_ports(1)}/x", WORKFLOWS, 1)
    with pytest.raises(BrokerUnavailable):
        broker.publish(job("a"))
    with pytest.raises(BrokerUnavailable):
        broker.waiting("workflow_000")


def test_a_workflow_that_appears_later_is_published_and_consumed(
    listen: Listen, job_publisher: RabbitJobPublisher, confirmed: Confirmed
) -> None:
    listener = listen()
    eventually(lambda: job_publisher.connected)
    name = f"late_{time.monotonic_ns()}"
    job_publisher.serve([*WORKFLOWS, name])
    job_publisher.publish(job("a", name))  # its queue is declared before
    assert confirmed.get(timeout=PATIENCE) == ["a"]
    listener.broker.serve([*WORKFLOWS, name])
    delivery = listener.next()
    assert decode_job(delivery.body) == job("a", name)
    delivery.acknowledge()
    eventually(lambda: job_publisher.has_consumers)
    eventually(lambda: listener.broker.waiting(name) == 0)


def test_a_workflow_that_appears_before_the_connection_is_consumed(amqp_url: str) -> None:
    name = f"early_{time.monotonic_ns()}"
    listener = Listener(amqp_url)
    listener.broker.serve([name])
    eventually(lambda: publishing_works(listener.broker))
    listener.broker.publish(job("b", name))
    delivery = listener.next()
    assert decode_job(delivery.body).workflow == name
    delivery.acknowledge()
    listener.close()


def test_a_changed_catalogue_is_announced_to_gateways_and_orchestrators(
    job_publisher: RabbitJobPublisher, amqp_url: str
) -> None:
    heard: queue.Queue[str] = queue.Queue()
    broadcaster = EventBroadcaster(10)
    gateway = RabbitEventSubscriber(amqp_url, broadcaster, lambda: heard.put("gateway"))
    gateway.start()
    broker = Broker(amqp_url, WORKFLOWS, 1, catalogue_changed=lambda: heard.put("orchestrator"))
    thread = threading.Thread(target=broker.run, args=(lambda _: None,))
    thread.start()
    assert heard.get(timeout=PATIENCE) == "orchestrator"  # it has just connected: it may have missed one
    eventually(lambda: broadcaster.listening and job_publisher._events is not None)
    job_publisher.announce_catalogue()
    assert {heard.get(timeout=PATIENCE), heard.get(timeout=PATIENCE)} == {"gateway", "orchestrator"}
    gateway.stop()
    broker.stop()
    thread.join(PATIENCE)


def test_a_workflow_that_this_orchestrator_does_not_run_ends_no_sweep(listen: Listen) -> None:
    broker = listen().broker
    assert broker.waiting("retired") == 0
    broker.publish(job("a", "retired"))
    eventually(lambda: broker.waiting("retired") == 1)  # it waits there for an orchestrator that knows the workflow
    broker.publish(job("b", "renamed"), delay_seconds=1)
    assert broker.waiting(WORKFLOWS[0]) == 0
