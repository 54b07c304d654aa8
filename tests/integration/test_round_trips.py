"""How often each process asks the database for one submission: counted on the wire, held to what the docs say."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from contracts.messaging.jobs import Job
from contracts.workflows.catalogue import load_catalogue
from gateway.adapters.mongo import submissions as gateway_submissions
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from orchestrator.execution.engine import Done, Engine, HeldClaims
from orchestrator.execution.leases import LeaseKeeper
from orchestrator.execution.model_calls import Caller
from orchestrator.execution.workflow_run import WorkflowRun
from orchestrator.maintenance.sweep import Sweep
from orchestrator.planning.retries import Policy
from orchestrator.ports import Progress
from runtime.clock import SystemClock
from runtime.mongo import Database, Document
from tests.support.checkout import CHECKOUT
from tests.support.databases import NamedDatabase
from tests.support.factories import png
from tests.support.fakes import FakeEventPublisher, FakeJobPublisher, FakeModels
from tests.support.gateway_app import make_app
from tests.support.present import present

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

PAGE = CHECKOUT / "docs" / "how-it-works.md"

NORMAL = {"label": "no_abnormality", "score": 0.98}
ABNORMAL = {"label": "abnormality", "score": 0.97}
MASK = {"mask": {"media_type": "image/png", "data": base64.b64encode(png(256, 256)).decode()}, "area": 0.03}
DIGIT = {"digit": 7, "score": 0.99}


class Calls(CommandListener):
    """The calls that a client makes, as "<command> <collection>"."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        target = event.command.get(event.command_name)
        self.made.append(f"{event.command_name} {target}" if isinstance(target, str) else event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass

    def take(self) -> list[str]:
        made, self.made = self.made, []
        return made


class Platform:
    """Gateway and orchestrator with their real stores over one database, each on a client whose calls are recorded."""

    def __init__(self, url: str, name: str, calls: Calls) -> None:
        self.calls = calls
        self.client = MongoClient[Document](url, tz_aware=True, timeoutMS=10_000, event_listeners=[calls])
        self.catalogue = load_catalogue(CHECKOUT / "workflows")
        self.front = gateway_submissions.MongoSubmissions(Database(self.client, name))
        self.back = orchestrator_submissions.MongoSubmissions(Database(self.client, name))
        self.models, self.job_publisher, self.held = FakeModels({}), FakeJobPublisher(), HeldClaims()
        self.threads = ThreadPoolExecutor(2)
        Database(self.client, name).prepare()
        self.front.ping()
        self.back.due(1)
        app = make_app(self.front, self.job_publisher, self.catalogue)
        self.user = app.test_client()
        self.engine = Engine(
            store=self.back,
            caller=Caller(self.models, SystemClock(self.back.now), Policy()),
            workflows=self.catalogue,
            clock=SystemClock(self.back.now),
            owner="counted",
            lease_seconds=60,
            held=self.held,
            step_threads=self.threads,
            event_publisher=FakeEventPublisher(),
        )
        calls.take()

    def submit(self, workflow: str) -> str:
        form = {"image": (io.BytesIO(png()), "x.png"), "workflow_name": workflow}
        answer = self.user.post("/api/v1/submit_image", data=form)
        assert answer.status_code == 200, answer.text
        return str(present(answer.json)["submission_id"])

    def fetch(self, submission_id: str) -> dict[str, Any]:
        answer = self.user.get(f"/api/v1/fetch_result/{submission_id}")
        content: dict[str, Any] = present(answer.json)
        assert content["status"] == "Success", answer.text
        return content

    def run(self, submission_id: str, workflow: str, answers: dict[str, Any]) -> None:
        self.models.answers = answers
        assert self.engine.process(Job(submission_id, workflow, "v1.0.0")) == Done()


@pytest.fixture
def platform(addresses: dict[str, str], database: NamedDatabase) -> Iterator[Platform]:
    made = Platform(addresses["SHOWCASE_MONGO_URL"], database[1], Calls())
    yield made
    made.threads.shutdown()
    made.client.close()


def documented() -> dict[str, list[str]]:
    """Return the page's table: what for -> the calls, in order."""
    (table,) = re.findall(r"^\| for \| calls, in order \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    rows = [[cell.strip() for cell in row.strip("| ").split("|")] for row in table.splitlines()]
    return {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in rows}


CLASSIFIER, SEGMENTER = "bms_flair_abnormality_classification", "bms_flair_abnormality_segmentation"


def test_one_submission_costs_the_round_trips_that_the_page_lists(platform: Platform) -> None:
    counted: dict[str, list[str]] = {}

    def count(
        what: str, work: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
    ) -> Result:
        done = work(*arguments, **options)
        counted[what] = platform.calls.take()
        return done

    digit = count("accepting", platform.submit, "workflow_000")
    count("recording that up to 10 were published", platform.front.mark_published, [digit])
    count("running workflow_000", platform.run, digit, "workflow_000", {"digit_recognizer": DIGIT})
    count("fetching a result", platform.fetch, digit)
    slice_ = platform.submit("workflow_001")
    platform.calls.take()
    count("running workflow_001, normal", platform.run, slice_, "workflow_001", {CLASSIFIER: NORMAL})
    slice_ = platform.submit("workflow_001")
    platform.calls.take()
    answers = {CLASSIFIER: ABNORMAL, SEGMENTER: MASK}
    count("running workflow_001, abnormal", platform.run, slice_, "workflow_001", answers)
    shown = count("fetching a result with a mask", platform.fetch, slice_)
    assert len(shown["prediction"]["image"]) == 256

    held = present(platform.front.fetch(platform.submit("workflow_000")))
    claim = present(platform.back.claim(held, "counted", 60, Progress(held.steps)))
    platform.held.add(claim, WorkflowRun(held, platform.catalogue.find("workflow_000")))
    platform.calls.take()
    clock = SystemClock(platform.back.now)
    keeper = LeaseKeeper(platform.back, platform.held, clock, 60)
    count("renewing a lease, every 2 s of a run", keeper.once)
    sweep = Sweep(
        platform.back,
        platform.job_publisher,
        FakeEventPublisher(),
        clock,
        republish_seconds=30,
        lost_leases_limit=5,
        lease_seconds=10,
    )
    assert count("one sweep, every 2 s", sweep.once) == 0

    assert counted == documented()
