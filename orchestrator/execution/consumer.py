"""Takes messages, processes them on a pool of threads, and acknowledges each after its last checkpoint."""

from __future__ import annotations

import threading
from concurrent.futures import Future as PoolFuture
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol

import structlog

from contracts.errors import BrokerUnavailable, InvalidDocument, InvalidMessage, StoreUnavailable, UnknownSchema
from contracts.messaging.jobs import Job, decode_job
from orchestrator.execution.engine import Done, PublishLater
from orchestrator.ports import JobPublisher

log = structlog.get_logger()

STORE_UNAVAILABLE_DELAY_SECONDS = 2
"""The delay of a message whose submission could not be read because the database did not answer."""

PASSES_LIMIT = 60
"""A message that was passed on this many times, which takes an hour, becomes a dead letter: no orchestrator of a newer
release is running. As soon as one runs, its sweep publishes the job again; the store is the truth."""


class Delivery(Protocol):
    """A delivered message; exactly one of its methods is called."""

    body: bytes
    passes: int
    """How many times it was passed on already."""

    def acknowledge(self) -> None: ...

    def requeue(self) -> None: ...

    def pass_on(self) -> None:
        """Publish it again after a delay, for an orchestrator of a newer release."""

    def dead_letter(self) -> None: ...


class JobProcessor(Protocol):
    """What processes a job: the engine."""

    def process(self, job: Job) -> Done | PublishLater:
        """Raises StoreUnavailable, UnknownSchema and InvalidDocument."""


class Consumer:
    """Hands deliveries to ``threads`` workers. RabbitMQ's prefetch bounds how many wait here."""

    def __init__(self, engine: JobProcessor, job_publisher: JobPublisher, threads: int) -> None:
        self._engine = engine
        self._job_publisher = job_publisher
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="submission")
        self._draining = threading.Event()
        self._lock = threading.Lock()
        self._under_way: set[PoolFuture[None]] = set()

    def receive(self, delivery: Delivery) -> None:
        """Accept a delivery and return at once."""
        future = self._pool.submit(self._work, delivery)
        with self._lock:
            self._under_way.add(future)
        future.add_done_callback(self._forget)

    def drain(self, seconds: float) -> bool:
        """Start no more work and wait for what is under way. Return whether all of it ended in time."""
        self._draining.set()
        with self._lock:
            under_way = set(self._under_way)
        _, left = wait(under_way, timeout=seconds)
        return not left

    def _forget(self, future: PoolFuture[None]) -> None:
        with self._lock:
            self._under_way.discard(future)

    def _work(self, delivery: Delivery) -> None:
        if self._draining.is_set():
            delivery.requeue()
            return
        try:
            job = decode_job(delivery.body)
        except UnknownSchema as error:
            self._pass_on(delivery, error)
            return
        except InvalidMessage as error:
            log.warning("message refused", error=error.message)
            delivery.dead_letter()
            return
        with structlog.contextvars.bound_contextvars(submission_id=job.submission_id):
            self._process(delivery, job)

    def _process(self, delivery: Delivery, job: Job) -> None:
        try:
            outcome = self._engine.process(job)
        except UnknownSchema as error:
            self._pass_on(delivery, error)
            return
        except InvalidDocument as error:
            log.warning("submission unreadable", error=error.message)
            delivery.dead_letter()
            return
        except StoreUnavailable as error:
            log.warning("store unavailable", error=error.message)
            outcome = PublishLater(STORE_UNAVAILABLE_DELAY_SECONDS)
        except Exception:
            # A fault of ours: the lease expires and a sweep publishes the job again. After a few rounds the sweep fails
            # the submission as poison.
            log.exception("submission broke the engine")
            delivery.acknowledge()
            return
        if isinstance(outcome, PublishLater):
            self._republish(job, outcome.seconds)
        delivery.acknowledge()

    def _pass_on(self, delivery: Delivery, error: UnknownSchema) -> None:
        """Leave the message to an orchestrator of the newer release that wrote it."""
        if delivery.passes >= PASSES_LIMIT:
            log.error("no newer release took the message", error=error.message, passes=delivery.passes)
            delivery.dead_letter()
        else:
            log.info("left to a newer release", error=error.message, passes=delivery.passes)
            delivery.pass_on()

    def _republish(self, job: Job, seconds: float) -> None:
        try:
            self._job_publisher.publish(job, seconds)
        except BrokerUnavailable as error:
            # A sweep will publish it: the store knows when it is due.
            log.warning("job not published", error=error.message)
