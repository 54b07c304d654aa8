"""Machines whose dates are an hour off, either way: the database's clock dates and judges what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
import requests

from contracts.submissions.documents import Submission, from_document
from contracts.submissions.states import SubmissionState
from tests.support.databases import NamedDatabase
from tests.support.extra_processes import Extra, extra
from tests.support.factories import png
from tests.support.local_cluster import free_ports
from tests.support.patience import PATIENCE, eventually
from tests.support.present import present

AHEAD, BEHIND = 3600.0, -3600.0
NEAR = timedelta(seconds=1)
"""How far a process's copy of the database's time may be off: by the time that the database's answer took."""

WORKFLOWS = {
    "bright": "steps: {brightness: {model: image_brightness@1.0.0}}\noutput: {bright: brightness.bright}\n",
    "away": "steps: {nothing: {model: away@1.0.0}}\noutput: {x: nothing.x}\n",
}


@pytest.fixture
def settings(addresses: dict[str, str], database: NamedDatabase, amqp_url: str, tmp_path: Path) -> dict[str, str]:
    for name, text in WORKFLOWS.items():
        (tmp_path / "workflows" / name).mkdir(parents=True)
        head = f"workflow: {name}\nversion: v1.0.0\ninput: {{kind: image}}\n"
        (tmp_path / "workflows" / name / "v1.0.0.yaml").write_text(head + text)
    unserved = f"http://127.0.0.1:{free_ports(1)}"
    return addresses | {
        "SHOWCASE_MONGO_DATABASE": database[1],
        "SHOWCASE_AMQP_URL": amqp_url,
        "SHOWCASE_WORKFLOWS": str(tmp_path / "workflows"),
        "SHOWCASE_MODEL_SERVERS": f"{addresses['SHOWCASE_MODEL_SERVERS']},away={unserved}",
        "SHOWCASE_PATIENCE_SECONDS": "600",
        "SHOWCASE_RETRY_BUDGET_SECONDS": "0.5",
    }


class Start(Protocol):
    def __call__(self, program: str, seconds: float, **more: str) -> Extra:
        """Start a process whose date is off by ``seconds``, with ``more`` settings."""


@pytest.fixture
def started(settings: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(program: str, seconds: float, **more: str) -> Extra:
            log = tmp_path / f"{program}{seconds:+.0f}.log"
            arguments = (program, str(seconds))
            return stack.enter_context(extra("tests.support.skewed", settings | more, log, arguments=arguments))

        yield start


class Front:
    """A gateway on a machine whose date is off."""

    def __init__(self, start: Start, seconds: float, **more: str) -> None:
        port = free_ports(1)
        self.process = start("gateway", seconds, SHOWCASE_PORT=str(port), **more)
        self.url = f"http://127.0.0.1:{port}"
        eventually(lambda: requests.get(f"{self.url}/health/live", timeout=5).ok, "no gateway")

    def submit(self, workflow: str) -> str:
        files, fields = {"image": ("x.png", png())}, {"workflow_name": workflow}
        answer = requests.post(f"{self.url}/api/v1/submit_image", files=files, data=fields, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["submission_id"])


def test_processes_an_hour_ahead_and_behind_use_the_databases_time(started: Start, database: NamedDatabase) -> None:
    submissions = database[0][database[1]]["submissions"]

    def record(submission_id: str) -> Submission:
        return from_document(present(submissions.find_one({"_id": submission_id})))

    def database_time() -> datetime:
        local_time: datetime = database[0].admin.command("hello")["localTime"]
        return local_time.replace(tzinfo=UTC)

    begun = database_time()
    # The first one's broker is nowhere: a sweep has to find what it accepts.
    nowhere = f"amqp://nobody:none@127.0.0.1:{free_ports(1)}/"
    fronts = [Front(started, AHEAD, SHOWCASE_AMQP_URL=nowhere), Front(started, BEHIND)]
    backs = [started("orchestrator", AHEAD), started("orchestrator", BEHIND)]
    submitted = [front.submit("bright") for front in fronts for _ in range(12)]
    waiting = [front.submit("away") for front in fronts for _ in range(4)]
    eventually(lambda: all(record(each).state.terminal for each in submitted), "they did not end")
    ended = database_time()

    for each in map(record, submitted):
        assert each.state is SubmissionState.SUCCEEDED
        assert each.lost_leases == 0
        started_at, ended_at = present(each.started_at), present(each.ended_at)
        assert begun - NEAR <= each.created_at <= started_at + NEAR
        assert started_at <= ended_at <= ended
        assert each.expires_at == each.created_at + timedelta(days=30)
        (attempt,) = each.steps[0].attempts
        assert started_at - NEAR <= attempt.started_at <= attempt.ended_at <= ended_at + NEAR
    for back in backs:
        assert back.lines("submission succeeded"), "one of the two did nothing"

    # Patience is ten minutes: an orchestrator that judged by its own date would fail what has just been accepted.
    deferred: set[str] = set()

    def all_were_deferred() -> bool:
        """Note who has a time of its next try now: the next claim clears it."""
        for each in map(record, waiting):
            assert each.state in {SubmissionState.QUEUED, SubmissionState.RUNNING}, each.reason
            if each.not_before is not None:
                assert each.not_before < database_time() + timedelta(seconds=60)
                deferred.add(each.id)
        return len(deferred) == len(waiting)

    eventually(all_were_deferred, "they were not deferred")
