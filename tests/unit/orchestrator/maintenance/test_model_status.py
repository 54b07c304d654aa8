"""What is told of the models' servers: no secret, no call for it, and not more often than it changes."""

from __future__ import annotations

import pytest

from contracts.models.status import shown_address
from contracts.submissions.documents import ModelRef
from contracts.submissions.states import ServedState
from contracts.workflows.catalogue import Catalogue, entries_of
from orchestrator.execution.circuit_breakers import FAILURE_THRESHOLD, Breakers
from orchestrator.maintenance.model_status import REPORT_SECONDS, ModelStatusReporter
from tests.support.factories import GATED, ONE_STEP, make_workflow
from tests.support.fake_catalogue import MemoryModelStatus
from tests.support.fakes import FakeClock, MemoryStore

SERVERS = {"classifier": "http://user:secret@one:8080/models?token=secret#secret", "segmenter": "https://two"}
CLASSIFIER = "classifier@1.2.0"


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.kept = MemoryModelStatus(self.store)
        self.breakers = Breakers()
        self.catalogue = Catalogue([make_workflow(GATED), make_workflow(ONE_STEP)])
        self.model_status_reporter = ModelStatusReporter(
            self.kept, self.catalogue, SERVERS.get, lambda model: self.breakers.state(str(model)), self.clock.monotonic
        )

    def told(self) -> dict[str, tuple[str, ServedState]]:
        return {name: (each.address, each.state) for name, each in self.kept.served_models.items()}


def test_every_pinned_model_with_a_server_is_told_without_secrets() -> None:
    scene = Scene()
    scene.model_status_reporter.once()
    assert scene.told() == {
        CLASSIFIER: ("http://one:8080/models", ServedState.UNTRIED),
        "segmenter@1.0.0": ("https://two", ServedState.UNTRIED),
    }


def test_a_change_is_told_at_once_and_all_else_now_and_then() -> None:
    scene = Scene()
    scene.model_status_reporter.once()
    first = scene.kept.served_models[CLASSIFIER].seen_at
    scene.clock.advance(REPORT_SECONDS / 2)
    scene.model_status_reporter.once()
    assert scene.kept.served_models[CLASSIFIER].seen_at == first
    scene.breakers.failed(CLASSIFIER, scene.clock.monotonic(), "one", of_server=False)
    scene.model_status_reporter.once()
    assert scene.told()[CLASSIFIER][1] is ServedState.FAILING
    scene.breakers.answered(CLASSIFIER)
    scene.model_status_reporter.once()
    assert scene.told()[CLASSIFIER][1] is ServedState.ANSWERING
    scene.clock.advance(REPORT_SECONDS)
    scene.model_status_reporter.once()
    assert scene.kept.served_models[CLASSIFIER].seen_at == scene.clock.now()


def test_a_model_that_is_away_is_failing_until_it_answers() -> None:
    breakers = Breakers()
    assert breakers.state("m") is ServedState.UNTRIED
    for number in range(FAILURE_THRESHOLD + 2):
        breakers.failed("m", float(number), "one", of_server=True)
        assert breakers.state("m") is ServedState.FAILING
    breakers.answered("m")
    assert breakers.state("m") is ServedState.ANSWERING


def test_what_the_database_missed_is_told_again() -> None:
    scene = Scene()
    scene.store.away = True
    with pytest.raises(Exception, match="does not answer"):
        scene.model_status_reporter.once()
    scene.store.away = False
    scene.model_status_reporter.once()
    assert CLASSIFIER in scene.told()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host:8080", "http://host:8080"),
        ("http://u:p@host/", "http://host/"),
        ("https://u@p@[::1]:8080/a?b=c#d", "https://[::1]:8080/a"),
        ("http://u:p@[::1/", ""),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, shown: str) -> None:
    assert shown_address(url) == shown


def test_a_pin_reads_as_name_and_version() -> None:
    assert str(ModelRef(name="classifier", version="1.2.0")) == CLASSIFIER


def test_a_model_of_a_workflow_that_is_published_later_is_told() -> None:
    scene = Scene()
    scene.model_status_reporter.once()
    newer = make_workflow(GATED.replace(CLASSIFIER, "classifier@1.3.0"))
    scene.catalogue.replace(entries_of([newer]))
    scene.model_status_reporter.once()
    assert scene.told()["classifier@1.3.0"] == ("http://one:8080/models", ServedState.UNTRIED)
