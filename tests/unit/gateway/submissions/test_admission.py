"""When a submission is refused because too many wait, and when the client should try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import QueueFull
from gateway.submissions.admission import AdmissionControl, QueueStatistics, retry_after_seconds
from gateway.submissions.ports import Backlog
from tests.support.fakes import FakeJobPublisher


@pytest.mark.parametrize(
    ("waiting", "rate", "seconds"),
    [
        (10_000, 0.0, 60),  # nothing moves: there is no estimate
        (10_000, 1.0, 60),
        (10_000, 100.0, 10),
        (10_500, 100.0, 15),
        (10_000, 1e9, 1),
        (10_000, 1000 / 60, 60),
    ],
)
def test_one_comes_back_when_a_tenth_is_free(waiting: int, rate: float, seconds: int) -> None:
    assert retry_after_seconds(Backlog(waiting, rate), 10_000) == seconds


@given(st.integers(0, 10**9), st.floats(0, 1e9), st.integers(1, 10**7))
def test_the_wait_is_bounded(over: int, rate: float, limit: int) -> None:
    assert 1 <= retry_after_seconds(Backlog(limit + over, rate), limit) <= 60


def test_the_rate_counts_what_was_published_in_between() -> None:
    statistics = QueueStatistics()
    statistics.record(100, published=7, seconds=0)  # the first count: nothing to compare with
    assert statistics.drained_per_second == 0
    for _ in range(20):
        statistics.record(100, published=20, seconds=2)
    assert statistics.drained_per_second == pytest.approx(10, abs=0.01)
    for _ in range(20):
        statistics.record(500, published=0, seconds=2)  # another gateway published
    assert statistics.drained_per_second == pytest.approx(0, abs=0.01)


def test_a_quiet_time_is_not_taken_for_slowness() -> None:
    statistics = QueueStatistics()
    for waiting in (0, 80, 40, 0):
        statistics.record(waiting, published=100 if waiting == 80 else 0, seconds=2)
    busy = statistics.drained_per_second
    assert busy == pytest.approx(20)
    for _ in range(20):
        statistics.record(0, published=1, seconds=2)
    assert statistics.drained_per_second == busy
    for _ in range(20):
        statistics.record(50, published=0, seconds=2)  # and now no orchestrator works
    assert statistics.drained_per_second < 0.01


def test_a_limit_is_each_workflows_own() -> None:
    job_publisher = FakeJobPublisher()
    admission = AdmissionControl(job_publisher, lambda: ["a", "b"], 3)
    job_publisher.waits = {"a": 3, "b": 2}
    admission.check("b")
    with pytest.raises(QueueFull) as caught:
        admission.check("a")
    assert caught.value.retry_after_seconds == 60
    assert admission.full() == ["a"]
    job_publisher.waits["a"] = 2
    admission.check("a")
    assert admission.full() == []


def test_no_limit_is_none() -> None:
    job_publisher = FakeJobPublisher()
    job_publisher.waits = {"a": 10**9}
    admission = AdmissionControl(job_publisher, lambda: ["a"], 0)
    admission.check("a")
    assert admission.full() == []
