"""Every message is acknowledged, requeued or dead-lettered, once, after its work."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from contracts.errors import InvalidDocument, StoreUnavailable, UnknownSchema
from contracts.messaging.jobs import Job, encode_job
from orchestrator.execution.consumer import PASSES_LIMIT, STORE_UNAVAILABLE_DELAY_SECONDS, Consumer
from orchestrator.execution.engine import Done, PublishLater
from tests.support.fakes import FakeJobPublisher
from tests.support.patience import PATIENCE

JOB = Job("id-1", "workflow_000", "v1.0.0")


class FakeDelivery:
    def __init__(self, body: bytes | None = None, passes: int = 0) -> None:
        self.body = encode_job(JOB) if body is None else body
        self.passes = passes
        self.fate: Future[str] = Future()

    def acknowledge(self) -> None:
        self.fate.set_result("acknowledged")

    def requeue(self) -> None:
        self.fate.set_result("requeued")

    def pass_on(self) -> None:
        self.fate.set_result("passed on")

    def dead_letter(self) -> None:
        self.fate.set_result("dead-lettered")


Outcome = Done | PublishLater


class FakeEngine:
    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome

    def process(self, job: Job) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def fate_of(
    outcome: Outcome | Exception,
    job_publisher: FakeJobPublisher | None = None,
    body: bytes | None = None,
    passes: int = 0,
) -> str:
    consumer = Consumer(FakeEngine(outcome), job_publisher or FakeJobPublisher(), threads=1)
    delivery = FakeDelivery(body, passes)
    consumer.receive(delivery)
    fate = delivery.fate.result(5)
    assert consumer.drain(5)
    return fate


def test_finished_work_is_acknowledged() -> None:
    assert fate_of(Done()) == "acknowledged"


def test_a_deferred_job_is_published_later_and_acknowledged() -> None:
    job_publisher = FakeJobPublisher()
    assert fate_of(PublishLater(15), job_publisher) == "acknowledged"
    assert job_publisher.published == [("id-1", 15)]


def test_a_job_that_cannot_be_published_is_left_to_the_sweep() -> None:
    job_publisher = FakeJobPublisher()
    job_publisher.away = True
    assert fate_of(PublishLater(15), job_publisher) == "acknowledged"


def test_a_job_is_published_again_soon_when_the_store_is_unavailable() -> None:
    job_publisher = FakeJobPublisher()
    assert fate_of(StoreUnavailable("away"), job_publisher) == "acknowledged"
    assert job_publisher.published == [("id-1", STORE_UNAVAILABLE_DELAY_SECONDS)]


def test_a_fault_of_ours_does_not_kill_the_thread() -> None:
    assert fate_of(ValueError("bug")) == "acknowledged"


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b'{"schema": "99"}', b"\xff\xfe", b"[" * 4000])
def test_garbage_is_dead_lettered(body: bytes) -> None:
    assert fate_of(Done(), body=body) == "dead-lettered"


@pytest.mark.parametrize(
    ("passes", "fate"), [(0, "passed on"), (PASSES_LIMIT - 1, "passed on"), (PASSES_LIMIT, "dead-lettered")]
)
def test_what_a_newer_release_wrote_is_left_to_it_for_an_hour(passes: int, fate: str) -> None:
    assert fate_of(Done(), body=b'{"schema": 99}', passes=passes) == fate
    assert fate_of(UnknownSchema("The document is newer."), passes=passes) == fate


def test_a_document_that_nobody_can_read_is_left_to_an_operator() -> None:
    assert fate_of(InvalidDocument("It has no steps.")) == "dead-lettered"


def test_draining_requeues_what_has_not_begun_and_waits_for_what_has() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class SlowEngine:
        def process(self, job: Job) -> Outcome:
            begun.set()
            assert go_on.wait(PATIENCE)
            return Done()

    consumer = Consumer(SlowEngine(), FakeJobPublisher(), threads=1)
    first, second = FakeDelivery(), FakeDelivery()
    consumer.receive(first)
    consumer.receive(second)
    assert begun.wait(PATIENCE)
    assert consumer.drain(0) is False
    go_on.set()
    assert consumer.drain(5) is True
    assert (first.fate.result(5), second.fate.result(5)) == ("acknowledged", "requeued")
