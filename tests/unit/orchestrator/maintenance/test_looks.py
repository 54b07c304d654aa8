"""Looks at model servers: every server is looked at, and what they found decides how a model is served."""

from __future__ import annotations

import pytest

from contracts.orchestrators.status import BreakerState
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from orchestrator.maintenance.looks import ANSWER_SECONDS, Look, Looks, model_report, served_state
from orchestrator.maintenance.status import StatusReporter
from tests.support.factories import NOW
from tests.support.fake_orchestrators import MemoryOrchestrators
from tests.support.fakes import FakeClock, MemoryStore

FROZEN = "it did not answer its ping within 2 s."
MODEL = ModelRef(name="m", version="1.0.0")


class Servers:
    def __init__(self, **reasons: str) -> None:
        self.reasons = reasons

    def look(self, server: str, seconds: float) -> str | None:
        assert seconds == ANSWER_SECONDS
        return self.reasons.get(server)


def test_every_server_is_looked_at_once() -> None:
    servers = Servers(two=FROZEN)
    looks = Looks(servers, lambda: ["one", "two", "one"], FakeClock())
    assert looks.latest("one") is None
    looks.once()
    assert (looks.latest("one"), looks.latest("two")) == (Look(NOW), Look(NOW, FROZEN))
    servers.reasons.clear()
    looks.once()
    assert looks.latest("two") == Look(NOW)


def test_the_servers_of_workflows_that_are_published_or_retired_meanwhile_are_followed() -> None:
    addresses = ["one"]
    looks = Looks(Servers(), lambda: addresses, FakeClock())
    for addresses[:] in (["one"], ["one", "two"], ["two"], []):
        looks.once()
        assert [each for each in ("one", "two") if looks.latest(each)] == addresses


def test_it_looks_before_its_first_pause_and_until_it_is_stopped() -> None:
    clock = FakeClock()
    clock.stopped = True
    looks = Looks(Servers(), lambda: ["one"], clock)
    looks.run()
    assert looks.latest("one") == Look(NOW)


@pytest.mark.parametrize(
    ("last_call", "look", "state"),
    [
        (ServedState.UNTRIED, None, ServedState.UNTRIED),
        (ServedState.UNTRIED, Look(NOW), ServedState.ANSWERING),
        (ServedState.FAILING, Look(NOW), ServedState.FAILING),
        (ServedState.ANSWERING, Look(NOW), ServedState.ANSWERING),
        (ServedState.ANSWERING, Look(NOW, FROZEN), ServedState.FAILING),
    ],
)
def test_a_look_completes_what_calls_show(last_call: ServedState, look: Look | None, state: ServedState) -> None:
    assert served_state(last_call, look) is state


def test_a_report_shows_no_password() -> None:
    report = model_report(MODEL, "http://u:secret@host/", ServedState.UNTRIED, BreakerState.CLOSED, None)
    assert (report.address, report.checked_at, report.reason) == ("http://host/", None, None)


def test_each_start_has_its_own_report_from_its_start_to_its_end() -> None:
    store = MemoryStore()
    kept = MemoryOrchestrators(store)
    first, second = StatusReporter(kept, list), StatusReporter(kept, list)
    first.begin()
    store.clock.advance(2)
    first.swept()
    second.begin()
    store.clock.advance(2)
    first.stop()
    one, two = kept.reports()
    assert (one.started_at, one.stopped_at) == (NOW, store.now())
    assert (two.swept_at, two.stopped_at) == (None, None)
    assert one.id != two.id


def test_a_start_without_the_database_is_reported_by_the_first_sweep() -> None:
    store = MemoryStore()
    kept = MemoryOrchestrators(store)
    status = StatusReporter(kept, list)
    store.away = True
    status.begin()
    status.stop()
    store.away = False
    status.swept()
    (report,) = kept.reports()
    assert report.swept_at == NOW
