"""RabbitMQ: one connection on one thread that consumes, acknowledges and publishes."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from contracts.errors import BrokerUnavailable
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import (
    CATALOGUE_CHANGED,
    DEAD_EXCHANGE,
    DEAD_QUEUE,
    DELAYS_SECONDS,
    EVENTS_EXCHANGE,
    EVENTS_QUEUE,
    JOBS_EXCHANGE,
    PASSES_HEADER,
    POISON,
    REASON_HEADER,
    declare,
    delay_queue,
    event_key,
    job_queue,
    shortest_delay,
    topology,
)
from contracts.submissions.events import SubmissionChanged, encode_change
from runtime.amqp import CALL_SECONDS, connection_parameters, job_properties, keep_connected

log = structlog.get_logger()

_POLL_SECONDS = 0.5

Answer = TypeVar("Answer")


class Delivery:
    """A delivered message. Exactly one of its methods is called, from any thread."""

    def __init__(
        self,
        broker: Broker,
        channel: BlockingChannel,
        tag: int,
        body: bytes,
        workflow: str,
        properties: pika.BasicProperties,
    ) -> None:
        self.body = body
        passes = (properties.headers or {}).get(PASSES_HEADER)
        self.passes = max(0, passes) if isinstance(passes, int) else 0
        self._workflow = workflow
        self._message_id = properties.message_id
        self._broker = broker
        self._channel = channel
        self._tag = tag

    def acknowledge(self) -> None:
        self._broker.on_channel(self._channel, lambda channel: channel.basic_ack(self._tag))

    def requeue(self) -> None:
        self._broker.on_channel(self._channel, lambda channel: channel.basic_nack(self._tag, requeue=True))

    def pass_on(self) -> None:
        """Publish it again as it is, with a delay that grows with every pass: another orchestrator may read it.

        It is acknowledged once RabbitMQ has confirmed the copy, so that it cannot be lost.
        """
        delay = DELAYS_SECONDS[min(self.passes, len(DELAYS_SECONDS) - 1)]
        try:
            self._broker.publish_as_is(self._workflow, self.body, self._message_id, delay, self.passes + 1)
        except BrokerUnavailable:
            self.requeue()
        else:
            self.acknowledge()

    def dead_letter(self) -> None:
        self._broker.on_channel(self._channel, lambda channel: channel.basic_nack(self._tag, requeue=False))


class Broker:
    """Reconnects until it is stopped; the topology is declared on every new connection.

    A pika connection belongs to one thread: the calls of other threads are scheduled onto it.
    """

    def __init__(
        self, url: str, workflows: list[str], prefetch: int, catalogue_changed: Callable[[], object] = lambda: None
    ) -> None:
        """``catalogue_changed`` is called when the registry of workflows has changed; it must return at once."""
        self._parameters = connection_parameters(url)
        self._workflows = list(workflows)
        self._prefetch = prefetch
        self._catalogue_changed = catalogue_changed
        self._receive: Callable[[Delivery], None] | None = None
        self._connection: pika.BlockingConnection | None = None
        self._consuming: BlockingChannel | None = None
        self._publishing: BlockingChannel | None = None
        self._events: BlockingChannel | None = None
        self._declared = frozenset(workflows)
        self._draining = False
        self._stopped = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether it is connected and consumes."""
        return self._consuming is not None

    def serve(self, workflows: list[str]) -> None:
        """Declare and consume the queues of workflows that are new here."""
        new = [name for name in workflows if name not in self._workflows]
        if not new:
            return
        self._workflows = [*self._workflows, *new]
        channel = self._publishing
        if channel is not None:
            self.on_channel(channel, functools.partial(declare, wanted=topology(new)))
        consuming = self._consuming
        if consuming is not None and not self._draining:
            self.on_channel(consuming, functools.partial(self._consume, workflows=new))

    def run(self, receive: Callable[[Delivery], None]) -> None:
        """Consume until stopped; ``receive`` must return at once. Runs on the thread that owns the connection."""
        self._receive = receive

        def serve() -> None:
            self._connect()
            log.info("broker connected")
            while not self._stopped.is_set():
                assert self._connection is not None
                self._connection.process_data_events(time_limit=_POLL_SECONDS)

        keep_connected(serve, self._close, self._stopped, "broker")

    def drain(self) -> None:
        """Consume no further message; those delivered can still be acknowledged."""
        self._draining = True
        if self._consuming is not None:
            self.on_channel(self._consuming, _cancel_all)

    def stop(self) -> None:
        self._stopped.set()

    def publish(self, job: Job, delay_seconds: float = 0.0) -> None:
        """Publish a job, at once or through a delay queue, and wait until RabbitMQ has it. Raises BrokerUnavailable."""
        self._declare_other(job.workflow)
        if delay_seconds > 0:
            exchange, key = "", delay_queue(job.workflow, shortest_delay(delay_seconds))
        else:
            exchange, key = JOBS_EXCHANGE, job.workflow
        self._publish(exchange, key, encode_job(job), job_properties(job.submission_id))

    def publish_as_is(
        self, workflow: str, body: bytes, message_id: str | None, delay_seconds: int, passes: int
    ) -> None:
        """Publish a body that this release may not be able to read, through a delay queue. Raises BrokerUnavailable."""
        self._declare_other(workflow)
        properties = job_properties(message_id, {PASSES_HEADER: passes})
        self._publish("", delay_queue(workflow, delay_seconds), body, properties)

    def dead_letter_job(self, job: Job) -> None:
        """Publish a job to the dead-letter queue, for an operator to read. Raises BrokerUnavailable."""
        why = {REASON_HEADER: POISON}
        self._publish(DEAD_EXCHANGE, DEAD_QUEUE, encode_job(job), job_properties(job.submission_id, why))

    def publish_event(self, change: SubmissionChanged) -> None:
        """Publish what happened to a submission, without a confirmation and not persistent: it is only a hint."""
        channel = self._events
        if channel is not None:
            key, body = event_key(change.submission_id, change.state), encode_change(change)
            self.on_channel(channel, lambda channel: channel.basic_publish(EVENTS_EXCHANGE, key, body))

    def waiting(self, workflow: str) -> int:
        """Return how many messages wait in the workflow's queue. Raises BrokerUnavailable."""
        self._declare_other(workflow)
        declared: Any = self._call(lambda channel: channel.queue_declare(job_queue(workflow), passive=True))
        return int(declared.method.message_count)

    def _declare_other(self, workflow: str) -> None:
        """Declare the queues of a workflow that this orchestrator does not run: a retired one, or a newer release's.

        A call on a queue that does not exist closes the channel, and one such submission would end every sweep.
        """
        if workflow not in self._declared:
            self._call(lambda channel: declare(channel, topology([workflow])))
            self._declared |= {workflow}

    def on_channel(self, channel: BlockingChannel, action: Callable[[BlockingChannel], object]) -> None:
        """Run ``action`` on the connection's thread, unless the channel is closed: then RabbitMQ redelivers anyway."""

        def act() -> None:
            if channel.is_open:
                action(channel)

        self._schedule(act)

    def _publish(self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
        self._call(lambda channel: channel.basic_publish(exchange, key, body, properties=properties, mandatory=True))

    def _call(self, action: Callable[[BlockingChannel], Answer]) -> Answer:
        channel = self._publishing
        answer: Future[Answer] = Future()

        def act() -> None:
            try:
                if channel is None or not channel.is_open:
                    raise BrokerUnavailable("The broker's channel is closed.")
                answer.set_result(action(channel))
            except (AMQPError, BrokerUnavailable) as error:
                answer.set_exception(error)
                if channel is not None and not channel.is_open and self._connection and self._connection.is_open:
                    self._connection.close()  # run() reconnects and opens new channels

        if channel is None or not self._schedule(act):
            raise BrokerUnavailable("The broker is not connected.")
        try:
            return answer.result(CALL_SECONDS)
        except FutureTimeout as error:
            raise BrokerUnavailable("The broker does not answer.") from error
        except AMQPError as error:
            raise BrokerUnavailable(f"The broker refused: {error}") from error

    def _schedule(self, act: Callable[[], None]) -> bool:
        connection = self._connection
        if connection is None or not connection.is_open:
            return False
        try:
            connection.add_callback_threadsafe(act)
        except AMQPError:
            return False
        return True

    def _connect(self) -> None:
        self._connection = pika.BlockingConnection(self._parameters)
        consuming, publishing = self._connection.channel(), self._connection.channel()
        events = self._connection.channel()  # without confirms: nothing waits for these
        publishing.confirm_delivery()
        workflows = self._workflows
        declare(publishing, topology(workflows))
        self._declared = frozenset(workflows)  # another broker may answer at the same address
        consuming.basic_qos(prefetch_count=self._prefetch)
        if not self._draining:
            self._consume(consuming, workflows)
        queue = events.queue_declare("", exclusive=True, auto_delete=True, arguments=EVENTS_QUEUE).method.queue
        events.queue_bind(queue, EVENTS_EXCHANGE, CATALOGUE_CHANGED)
        events.basic_consume(queue, lambda *_: self._catalogue_changed(), auto_ack=True)
        self._consuming, self._publishing, self._events = consuming, publishing, events
        late = [name for name in self._workflows if name not in workflows]
        if late:  # they became known while this connected
            declare(publishing, topology(late))
            self._consume(consuming, late)
        self._catalogue_changed()  # a notification may have been missed

    def _consume(self, channel: BlockingChannel, workflows: list[str]) -> None:
        for workflow in workflows:
            channel.basic_consume(job_queue(workflow), functools.partial(self._deliver, workflow))

    def _deliver(self, workflow: str, channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        assert self._receive is not None
        self._receive(Delivery(self, channel, method.delivery_tag, body, workflow, properties))

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._consuming = self._publishing = self._events = None
        if connection is not None and connection.is_open:
            try:
                connection.close()
            except Exception:  # noqa: BLE001  # a connection that is given up may fail in any way
                log.debug("broker closed first")


def _cancel_all(channel: BlockingChannel) -> None:
    for tag in list(channel.consumer_tags):
        channel.basic_cancel(tag)
