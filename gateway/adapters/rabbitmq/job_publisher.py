"""Publishes jobs and events to RabbitMQ from one thread, with publisher confirms. Reconnects for ever."""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import pika
import structlog
from pika.exceptions import AMQPError

from contracts.errors import StoreUnavailable
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import (
    CATALOGUE_CHANGED,
    DELAYS_SECONDS,
    EVENTS_EXCHANGE,
    JOBS_EXCHANGE,
    declare,
    delay_queue,
    event_key,
    job_queue,
    topology,
)
from contracts.submissions.events import SubmissionChanged, encode_change
from gateway.submissions.admission import QueueStatistics
from gateway.submissions.ports import Backlog
from runtime.amqp import connection_parameters, job_properties, keep_connected

log = structlog.get_logger()

BUFFER_LIMIT = 10_000
"""How many jobs are buffered while the broker is away. The sweep publishes the jobs that did not fit."""

MARK_BATCH = 10
"""How many published jobs one update marks. SecantusDB locks the collection meanwhile, for new submissions too: a
hundred took 100 ms, and every twentieth submission waited for that."""

MARK_SECONDS = 2.0
"""How long after publishing a job is marked. A submission that is claimed by then needs no mark; in a burst each mark
costs the database a third of what accepting costs. The sweep's first check comes later than this
(accept.UNPUBLISHED_DUE_SECONDS)."""

COUNT_SECONDS = 2.0


class RabbitJobPublisher:
    """The publishers' port on RabbitMQ. ``confirmed`` receives, in batches, the ids that the broker has on disk."""

    def __init__(self, url: str, workflows: list[str], confirmed: Callable[[list[str]], None]) -> None:
        self._parameters = connection_parameters(url)
        self._workflows = list(workflows)
        self._mark_published = confirmed
        self._jobs: deque[Job] = deque(maxlen=BUFFER_LIMIT)
        self._confirmed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._consumers: dict[str, int] = {}
        self._statistics = {name: QueueStatistics() for name in workflows}
        self._messages: dict[str, int] = {}
        self._published: Counter[str] = Counter()
        self._dropped = 0
        self._counted_at: float | None = None
        self._unconfirmed: dict[int, Job] = {}
        self._delivery_tag = 0
        self._connection: Any = None
        self._channel: Any = None
        self._events: Any = None
        self._stopped = threading.Event()

    @property
    def connected(self) -> bool:
        return self._channel is not None

    @property
    def has_consumers(self) -> bool:
        return self.connected and all(self._consumers.get(name, 0) > 0 for name in self._workflows)

    def backlog(self, workflow: str) -> Backlog:
        """Return the broker's last count plus the jobs that the broker has not confirmed yet.

        Unconfirmed jobs count for every workflow; they are few, unless the broker is away. Nothing is counted for a
        workflow that is not published any more: its submissions stay readable.
        """
        statistics = self._statistics.get(workflow) or QueueStatistics()
        unpublished = len(self._jobs) + len(self._unconfirmed) + self._dropped
        return Backlog(statistics.waiting + unpublished, statistics.drained_per_second)

    def serve(self, workflows: list[str]) -> None:
        """Declare the queues of workflows that are new here. Call it before their first job is published.

        If the broker is away, they are declared on the next connection.
        """
        new = [name for name in workflows if name not in self._statistics]
        if not new:
            return
        self._statistics |= {name: QueueStatistics() for name in new}
        self._workflows = [*self._workflows, *new]
        try:
            # Not on the channel that publishes: there a declaration waits for the counts, and a job overtakes it.
            self._declare(new)
        except AMQPError as error:
            log.warning("queues not declared", workflows=new, error=str(error) or type(error).__name__)
            connection = self._connection
            if connection is not None:
                connection.ioloop.add_callback_threadsafe(connection.ioloop.stop)  # connect again, and declare all

    def publish(self, job: Job) -> None:
        if len(self._jobs) >= BUFFER_LIMIT:
            # The deque drops its oldest job. The sweep publishes that one, so it still counts as waiting.
            self._dropped += 1
        self._jobs.append(job)
        connection = self._connection
        if connection is not None and self._channel is not None:
            connection.ioloop.add_callback_threadsafe(self._publish_waiting)

    def publish_event(self, change: SubmissionChanged) -> None:
        """Publish a change of a submission, without a confirm and without storing it on disk."""
        connection, channel = self._connection, self._events
        if connection is None or channel is None:
            return
        key, body = event_key(change.submission_id, change.state), encode_change(change)

        def publish() -> None:
            if channel.is_open:
                channel.basic_publish(EVENTS_EXCHANGE, key, body)

        connection.ioloop.add_callback_threadsafe(publish)

    def announce_catalogue(self) -> None:
        """Notify the other processes that the registry of workflows has changed. The notification may be lost."""
        connection, channel = self._connection, self._events
        if connection is None or channel is None:
            return

        def publish() -> None:
            if channel.is_open:
                channel.basic_publish(EVENTS_EXCHANGE, CATALOGUE_CHANGED, b"")

        connection.ioloop.add_callback_threadsafe(publish)

    def start(self) -> None:
        threading.Thread(target=self._run, name="job-publisher", daemon=True).start()
        threading.Thread(target=self._mark_confirmed, name="job-publisher-marks", daemon=True).start()

    def stop(self) -> None:
        """Close the connection. Jobs that were not published stay due in the store."""
        self._stopped.set()
        self._confirmed.put(None)
        connection = self._connection
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(connection.ioloop.stop)

    def _run(self) -> None:
        keep_connected(self._declare_and_serve, self._disconnected, self._stopped, "broker")

    def _disconnected(self) -> None:
        self._channel = None
        self._consumers.clear()
        # The broker did not confirm these: publish them again. A duplicate message changes nothing.
        self._jobs.extend(self._unconfirmed.values())
        self._unconfirmed.clear()

    def _declare_and_serve(self) -> None:
        self._declare(self._workflows)
        self._serve()

    def _declare(self, workflows: list[str]) -> None:
        """Declare on a blocking connection: a dozen sequential round trips are simplest there. Raises AMQPError."""
        with pika.BlockingConnection(self._parameters) as connection:
            declare(connection.channel(), topology(workflows))

    def _serve(self) -> None:
        """Publish until the connection ends."""
        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._on_connection_open,
            on_open_error_callback=lambda failed, _error: failed.ioloop.stop(),
            on_close_callback=lambda closed, _reason: closed.ioloop.stop(),
        )
        self._connection = connection
        try:
            connection.ioloop.start()
        finally:
            self._connection = self._channel = self._events = None
            if not connection.is_closed and not connection.is_closing:
                connection.close()
                connection.ioloop.call_later(1.0, connection.ioloop.stop)
                connection.ioloop.start()
            connection.ioloop.close()

    def _on_connection_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel_open)
        connection.channel(on_open_callback=self._on_events_channel_open)  # no confirms: events may be lost

    def _on_events_channel_open(self, channel: Any) -> None:
        self._events = channel

    def _on_channel_open(self, channel: Any) -> None:
        self._delivery_tag = 0
        channel.add_on_close_callback(lambda _channel, _reason: self._connection and self._connection.ioloop.stop())
        channel.confirm_delivery(self._on_confirm)
        self._channel = channel
        self._dropped = 0
        self._counted_at = None
        log.info("broker connected")
        self._publish_waiting()
        self._count()

    def _publish_waiting(self) -> None:
        channel = self._channel
        while self._jobs and channel is not None and channel.is_open:
            job = self._jobs.popleft()
            self._delivery_tag += 1
            self._unconfirmed[self._delivery_tag] = job
            self._published[job.workflow] += 1
            properties = job_properties(job.submission_id)
            channel.basic_publish(JOBS_EXCHANGE, job.workflow, encode_job(job), properties=properties)

    def _on_confirm(self, frame: Any) -> None:
        tag: int = frame.method.delivery_tag
        tags = [known for known in self._unconfirmed if known <= tag] if frame.method.multiple else [tag]
        for known in tags:
            job = self._unconfirmed.pop(known, None)
            # The sweep publishes a refused (nack) message again: in the store it still counts as unpublished.
            if job is not None and isinstance(frame.method, pika.spec.Basic.Ack):
                self._confirmed.put(job.submission_id)

    def _count(self) -> None:
        """Request every queue's consumer and message counts; the channel goes on publishing meanwhile."""
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        now = time.monotonic()
        seconds = 0.0 if self._counted_at is None else now - self._counted_at
        self._counted_at = now
        for name in self._workflows:
            # Deferred submissions wait too: while a model is away, jobs move from the job queue to the delay queues.
            for queue_name in [*(delay_queue(name, delay) for delay in DELAYS_SECONDS), job_queue(name)]:
                on_count = functools.partial(self._on_count, name, queue_name, seconds)
                channel.queue_declare(queue_name, passive=True, callback=on_count)
        self._connection.ioloop.call_later(COUNT_SECONDS, self._count)

    def _on_count(self, workflow: str, queue_name: str, seconds: float, frame: Any) -> None:
        self._messages[queue_name] = int(frame.method.message_count)
        if queue_name != job_queue(workflow):
            return
        # This is the last of the workflow's queues: replies come in the order of the requests.
        self._consumers[workflow] = int(frame.method.consumer_count)
        waiting = sum(self._messages.get(delay_queue(workflow, delay), 0) for delay in DELAYS_SECONDS)
        waiting += self._messages[queue_name]
        published, self._published[workflow] = self._published[workflow], 0
        self._statistics[workflow].record(waiting, published, seconds)

    def _mark_confirmed(self) -> None:
        """Mark published jobs in the store, in batches, on a thread other than the connection's."""
        while True:
            confirmed = [self._confirmed.get()]
            self._stopped.wait(MARK_SECONDS)
            while len(confirmed) < BUFFER_LIMIT and not self._confirmed.empty():
                confirmed.append(self._confirmed.get())
            ids = [item for item in confirmed if item is not None]
            try:
                for first in range(0, len(ids), MARK_BATCH):
                    self._mark_published(ids[first : first + MARK_BATCH])
            except StoreUnavailable as error:
                log.warning("published jobs not marked", submissions=len(ids), error=error.message)
            if None in confirmed:
                return
