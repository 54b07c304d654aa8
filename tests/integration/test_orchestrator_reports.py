"""The orchestrators' reports in memory and in the database: each start has one, which its next report replaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import pytest

from contracts.orchestrators.status import BreakerState, OrchestratorReport
from contracts.storage import layout
from contracts.submissions.documents import ModelRef
from gateway.adapters.mongo.orchestrators import MongoOrchestrators as GatewaysReports
from orchestrator.adapters.mongo.orchestrators import MongoOrchestrators
from orchestrator.maintenance.status import Store
from runtime.mongo import Database
from tests.support.fake_orchestrators import MemoryOrchestrators, model_report, working
from tests.support.fakes import MemoryStore

MODEL = ModelRef(name="m", version="1.0.0")


class Reader(Protocol):
    def reports(self) -> list[OrchestratorReport]: ...


@pytest.fixture(params=["memory", "mongo"])
def stores(request: pytest.FixtureRequest) -> tuple[Store, Reader]:
    if request.param == "memory":
        kept = MemoryOrchestrators(MemoryStore())
        kept.known = {}
        return kept, kept
    opened = Database(*request.getfixturevalue("database"))
    return MongoOrchestrators(opened), GatewaysReports(opened)


def test_a_report_is_read_as_it_was_written_and_replaced_by_the_next(stores: tuple[Store, Reader]) -> None:
    store, reader = stores
    assert reader.reports() == []
    now = store.now().replace(microsecond=0)
    first = working(now, [model_report(MODEL, now, breaker=BreakerState.OPEN, reason="it did not answer.")], _id="a")
    other = working(now, [], _id="b", swept_at=None)
    store.report(first)
    store.report(other)
    assert sorted(reader.reports(), key=lambda each: each.id) == [first, other]
    ended = first.model_copy(update={"models": [], "stopped_at": now + timedelta(seconds=1)})
    store.report(ended)
    assert sorted(reader.reports(), key=lambda each: each.id) == [ended, other]


def test_a_report_that_no_release_wrote_is_left_out(request: pytest.FixtureRequest) -> None:
    opened = Database(*request.getfixturevalue("database"))
    opened.unjournaled(layout.ORCHESTRATORS).insert_one({"_id": "x", "host": 7})
    assert GatewaysReports(opened).reports() == []
