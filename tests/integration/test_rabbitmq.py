"""Doorbell and broker over a real RabbitMQ: what is rung for arrives, is acknowledged once, and survives reconnects."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job, decode_job
from contracts.messaging.topology import DEAD_QUEUE, DELAYS_SECONDS, topology
from contracts.submissions.events import SubmissionChanged
from contracts.submissions.states import SubmissionState
from gateway.adapters.rabbitmq.event_subscriber import RabbitEventSubscriber
from gateway.adapters.rabbitmq.job_publisher import RabbitJobPublisher
from gateway.events.subscriptions import EventBroadcaster
from orchestrator.adapters.rabbitmq.broker import Broker
from tests.support.local_cluster import free_ports

WORKFLOWS = ["workflow_000", "workflow_001"]
LONG = 20.0


def job(name: str, workflow: str = "workflow_000") -> Job:
    return Job(name, workflow, "v1.0.0")


class Listener:
    """A broker on its thread, and what it received."""

    def __init__(self, url: str, prefetch: int = 4) -> None:
        self.broker = Broker(url, topology(WORKFLOWS), WORKFLOWS, prefetch)
        self.received: queue.Queue = queue.Queue()
        self.thread = threading.Thread(target=self.broker.run, args=(self.received.put,))
        self.thread.start()

    def next(self):
        return self.received.get(timeout=LONG)

    def close(self) -> None:
        self.broker.stop()
        self.thread.join(LONG)
        assert not self.thread.is_alive()


@pytest.fixture
def listen(amqp_url):
    made = []

    def make(**options):
        made.append(Listener(amqp_url, **options))
        eventually(lambda: publishing_works(made[-1].broker))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def job_publisher(amqp_url):
    confirmed: queue.Queue = queue.Queue()
    job_publisher = RabbitJobPublisher(amqp_url, topology(WORKFLOWS), WORKFLOWS, confirmed.put)
    job_publisher.confirmed = confirmed
    job_publisher.start()
    yield job_publisher
    job_publisher.stop()


def eventually(condition) -> None:
    """Wait for what another process will do, up to a bound."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def publishing_works(broker: Broker) -> bool:
    try:
        broker.waiting(WORKFLOWS[0])
    except BrokerUnavailable:
        return False
    return True


def test_a_ring_arrives_and_is_confirmed(listen, job_publisher):
    listener = listen()
    job_publisher.publish(job("a"))
    delivery = listener.next()
    assert decode_job(delivery.body) == job("a")
    assert job_publisher.confirmed.get(timeout=LONG) == ["a"]
    delivery.acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_000") == 0)


def test_rings_before_the_broker_is_there_are_kept(amqp_url, listen):
    confirmed: queue.Queue = queue.Queue()
    job_publisher = RabbitJobPublisher(amqp_url, topology(WORKFLOWS), WORKFLOWS, confirmed.put)
    for number in range(250):
        job_publisher.publish(job(str(number)))
    assert not job_publisher.connected
    job_publisher.start()
    ids: list[str] = []
    while len(ids) < 250:
        batch = confirmed.get(timeout=LONG)
        assert len(batch) <= 100
        ids += batch
    job_publisher.stop()
    assert sorted(ids, key=int) == [str(number) for number in range(250)]


def test_what_the_doorbell_announces_is_heard_and_hinders_no_ring(listen, job_publisher, amqp_url):
    listen()
    broadcaster = EventBroadcaster(10)
    heard: queue.Queue = queue.Queue()
    broadcaster.subscribe("a", heard.put)
    listener = RabbitEventSubscriber(amqp_url, broadcaster)
    listener.start()
    eventually(lambda: broadcaster.listening and job_publisher._events is not None)
    change = SubmissionChanged("a", "workflow_000", SubmissionState.CANCELED, None)
    job_publisher.publish_event(change)
    job_publisher.publish(job("a"))
    assert heard.get(timeout=LONG) == change
    assert job_publisher.confirmed.get(timeout=LONG) == ["a"]
    listener.stop()


def test_the_doorbell_knows_whether_somebody_listens(job_publisher, listen):
    eventually(lambda: job_publisher.connected)
    assert not job_publisher.has_consumers
    listen()
    eventually(lambda: job_publisher.has_consumers)


def test_the_doorbell_knows_what_waits(job_publisher, listen):
    listener = listen(prefetch=1)
    for number in range(4):
        job_publisher.publish(job(str(number)))
    listener.next()
    listener.broker.publish(job("set aside"), 60)
    eventually(lambda: job_publisher.backlog("workflow_000").waiting == 3 + 1)
    assert job_publisher.backlog("workflow_001").waiting == 0


def test_the_doorbell_remembers_what_waits_when_it_is_cut_off(job_publisher):
    eventually(lambda: job_publisher.connected)
    for number in range(4):
        job_publisher.publish(job(str(number)))
    eventually(lambda: job_publisher._tallies["workflow_000"].waiting == 4)
    job_publisher.stop()
    eventually(lambda: not job_publisher.connected)
    assert job_publisher.backlog("workflow_000").waiting == 4
    job_publisher.publish(job("held"))
    assert job_publisher.backlog("workflow_000").waiting == 5


def test_a_delayed_ring_comes_back_later(listen):
    listener = listen()
    begun = time.monotonic()
    listener.broker.publish(job("later", "workflow_001"), 1.5)
    delivery = listener.next()
    assert decode_job(delivery.body) == job("later", "workflow_001")
    assert time.monotonic() - begun >= 1.5
    delivery.acknowledge()


def test_no_more_than_the_prefetch_is_in_hand(listen):
    listener = listen(prefetch=2)
    for number in range(5):
        listener.broker.publish(job(str(number)))
    first, second = listener.next(), listener.next()
    eventually(lambda: listener.broker.waiting("workflow_000") == 3)
    first.acknowledge()
    second.requeue()
    assert {decode_job(listener.next().body).submission_id for _ in range(2)} <= {"1", "2", "3"}


def test_what_cannot_be_read_goes_to_the_dead_letters(listen, parts, amqp_url):
    listener = listen()
    listener.broker.publish(job("garbage"))
    listener.next().dead_letter()
    listener.broker.dead_letter_job(job("poison"))
    vhost = amqp_url.rsplit("/", 1)[1]
    eventually(lambda: f"{DEAD_QUEUE}\t2" in parts.rabbitmqctl("list_queues", "-q", "-p", vhost, "name", "messages"))


def test_what_is_passed_on_comes_back_as_it_is_and_later_each_time(listen):
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


def test_what_cannot_be_passed_on_is_given_back(listen):
    first = listen()
    first.broker.publish(job("a"))
    delivery = first.next()
    first.close()
    delivery.pass_on()  # goes nowhere: RabbitMQ has it again already
    assert decode_job(listen().next().body) == job("a")


def test_a_lost_connection_loses_no_message(listen, job_publisher, parts, amqp_url):
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


def test_draining_takes_nothing_more(listen):
    listener = listen()
    listener.broker.publish(job("before"))
    held = listener.next()
    listener.broker.drain()
    listener.broker.publish(job("after"))
    held.acknowledge()
    eventually(lambda: listener.broker.waiting("workflow_000") == 1)
    assert listener.received.empty()


def test_without_a_broker_ringing_says_so():
    broker = Broker(f"amqp://x:y@127.0.0.1:{free_ports(1)}/x", topology(WORKFLOWS), WORKFLOWS, 1)
    with pytest.raises(BrokerUnavailable):
        broker.publish(job("a"))
    with pytest.raises(BrokerUnavailable):
        broker.waiting("workflow_000")
