"""What the database's answers cost with few and with many submissions stored: nothing may grow with what lies there.

``python -m bench.stored --home DIR`` against a database without a cluster around it, which
``python -m deploy.local up --only database --home DIR`` starts: filling it keeps it busy for minutes. Few and many lie
in two databases beside each other and are measured by turns, so that what else the machine does weighs on both.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import InsertOne, MongoClient

from bench.measuring import CHECKOUT, cluster_settings, machine, parser
from contracts.submissions.documents import INPUT_NAME, InputInfo, Submission, image_key, to_document
from contracts.submissions.states import StepState, SubmissionState
from contracts.workflows.catalogue import load_catalogue
from contracts.workflows.definition import Workflow
from gateway.adapters.mongo import submissions as gateway_submissions
from orchestrator.adapters.mongo import submissions as orchestrator_submissions
from orchestrator.ports import Progress
from runtime.mongo import Database

BATCH = 200
PICTURE = b"\x89PNG small picture" * 8
TURN = 10
"""Times that each operation is measured with few stored before it is with many: the machine's pace changes slowly."""

DUE = 30
SETTLING_SECONDS = 15.0
"""Until a checkpoint or two have written what filling has left in memory."""


class Measured:
    """Both processes' stores over one database, and the operations that every submission pays for."""

    def __init__(self, client: MongoClient[dict[str, Any]], name: str, workflow: Workflow) -> None:
        self._database = client[name]
        self._workflow = workflow
        self.front = gateway_submissions.MongoSubmissions(Database(client, name))
        self.back = orchestrator_submissions.MongoSubmissions(Database(client, name))
        Database(client, name).prepare()
        self.stored = self._database["submissions"].estimated_document_count()  # of an earlier run

    def submission(self, number: str, created_at: datetime, **changes: Any) -> Submission:
        values: dict[str, Any] = {
            "id": f"{number:0>8}-0000-4000-8000-000000000000",
            "workflow": self._workflow.ref,
            "state": SubmissionState.QUEUED,
            "input": InputInfo(
                media_type="image/png", bytes=len(PICTURE), width=28, height=28, file_name="x.png", sha256="0" * 64
            ),
            "steps": self._workflow.fresh_steps(),
            "created_at": created_at,
            "due_at": created_at + timedelta(days=1),
            "expires_at": created_at + timedelta(days=30),
        }
        return Submission(**values | changes)

    def fill(self, count: int) -> None:
        """Store finished submissions until there are ``count``, spread over the days before."""
        now = self.front.now()
        while self.stored < count:
            documents, pictures = [], []
            for number in range(self.stored, min(count, self.stored + BATCH)):
                created = now - timedelta(seconds=10 + number)
                done = self.submission(
                    str(number),
                    created,
                    state=SubmissionState.SUCCEEDED,
                    due_at=None,
                    result={"digit": 7, "score": 1.0},
                )
                done.started_at, done.ended_at = created, created
                for step in done.steps:
                    step.state, step.output = StepState.SUCCEEDED, {"digit": 7, "score": 1.0}
                documents.append(InsertOne(to_document(done)))
                key = image_key(done.id, INPUT_NAME)
                pictures.append(InsertOne({"_id": key, "media_type": "image/png", "data": PICTURE}))
            self._database["images"].bulk_write(pictures, ordered=False)
            self._database["submissions"].bulk_write(documents, ordered=False)
            self.stored += len(documents)

    @contextmanager
    def queued(self, count: int) -> Iterator[list[Submission]]:
        """Accept ``count`` submissions, and delete them at the end."""
        now = self.front.now()
        made = [self.submission(f"f{number}", now) for number in range(count)]
        for each in made:
            self.front.accept(each, PICTURE)
        yield made
        for each in made:
            self._database["submissions"].delete_one({"_id": each.id})
            self._database["images"].delete_one({"_id": image_key(each.id, INPUT_NAME)})

    def times(self) -> dict[str, list[float]]:
        """Return the milliseconds of each operation, TURN of each, one after the other."""
        now, taken = self.front.now(), {}
        fresh = [self.submission(f"e{number}", now) for number in range(TURN)]
        taken["accepting"] = [_milliseconds(self.front.accept, each, PICTURE) for each in fresh]
        for each in fresh:
            self._database["submissions"].delete_one({"_id": each.id})
            self._database["images"].delete_one({"_id": image_key(each.id, INPUT_NAME)})
        with self.queued(TURN) as made:
            claims: list[Any] = []

            def claim(each: Submission) -> None:
                claims.append(self.back.claim(each, "bench", 600.0, Progress(each.steps)))

            taken["reading"] = [_milliseconds(self.back.read, each.id) for each in made]
            taken["claiming"] = [_milliseconds(claim, each) for each in made]
            progress = [Progress(each.steps) for each in made]
            taken["finishing"] = [
                _milliseconds(self.back.succeed, held, done, {"digit": 7})
                for held, done in zip(claims, progress, strict=True)
            ]
            taken["fetching"] = [_milliseconds(self.front.fetch, each.id) for each in made]
            taken["fetching a picture"] = [_milliseconds(self.front.image, each.id, INPUT_NAME) for each in made]
        taken["a sweep's look, nothing due"] = [_milliseconds(self.back.due, 500) for _ in range(TURN)]
        with self.queued(DUE) as made:
            for each in made:
                self._database["submissions"].update_one(
                    {"_id": each.id}, {"$set": {"due_at": datetime.now(UTC) - timedelta(days=1)}}
                )
            looks = range(TURN // 2)
            taken[f"a sweep's look, {DUE} due"] = [_milliseconds(self.back.due, 500) for _ in looks]
        return taken


def _milliseconds(work: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--few", type=int, default=100, help="submissions stored at first")
    arguments.add_argument("--many", type=int, default=200_000, help="submissions stored in the end")
    arguments.add_argument("--count", type=int, default=500, help="times that each operation is measured")
    given = arguments.parse_args()
    settings = cluster_settings(given.home)
    print(machine(given.home, 8))
    with MongoClient[dict[str, Any]](
        settings["SHOWCASE_MONGO_URL"], tz_aware=True, timeoutMS=60_000, serverMonitoringMode="poll"
    ) as client:
        workflow = load_catalogue(CHECKOUT / "workflows").find("workflow_000")
        both = {stored: Measured(client, f"bench_{stored}", workflow) for stored in (given.few, given.many)}
        for stored, measured in both.items():
            begun = time.perf_counter()
            measured.fill(stored)
            print(f"{stored} stored after {time.perf_counter() - begun:.0f} s", flush=True)
        time.sleep(SETTLING_SECONDS)
        found: dict[int, dict[str, list[float]]] = {stored: {} for stored in both}
        for number in range(math.ceil(given.count / TURN) + 1):
            for stored, measured in both.items():
                for name, taken in measured.times().items():
                    if number:  # the first round warms up
                        found[stored].setdefault(name, []).extend(taken)
    print(f"\n| median, ms | {given.few} stored | {given.many} stored | |\n|---|---|---|---|")
    for name in found[given.few]:
        few, many = (statistics.median(found[stored][name]) for stored in both)
        print(f"| {name} | {few:.2f} | {many:.2f} | {many / few - 1:+.0%} |")


if __name__ == "__main__":
    main()
