"""How long lists, single submissions and exports take when much is stored, wherever in time one looks.

``python -m bench.listing`` against a cluster of its own (``deploy.local up --home DIR``): it fills that one's database,
newest first with 500 submissions a second, then a gap of eight hours, one a second, a gap of two days, and one every
twenty seconds.
"""

from __future__ import annotations

import itertools
import json
import random
import time
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import psutil
from pymongo import MongoClient

from bench.measuring import cluster_settings, line, machine, parser
from contracts.storage import layout
from contracts.submissions.documents import (
    Artifact,
    Attempt,
    Event,
    Gate,
    InputInfo,
    ModelRef,
    Step,
    Submission,
    WorkflowRef,
    to_document,
)
from contracts.submissions.states import StepState, SubmissionState
from deploy.local.reporting import pid_of

CLASSIFICATION = ModelRef(name="bms_flair_abnormality_classification", version="1.2.0")
SEGMENTATION = ModelRef(name="bms_flair_abnormality_segmentation", version="1.0.0")
GATE = Gate(
    expression="classification.label == 'abnormality'",
    value=True,
    inputs={"classification": {"label": "abnormality"}},
)
BATCH = 500
PAGES = 40


def times(count: int, now: datetime) -> Iterator[datetime]:
    """Newest first: three tenths dense, three tenths usual, four tenths sparse, with gaps between them."""
    dense = usual = count * 3 // 10
    time_ = now - timedelta(seconds=1)
    for number in range(count):
        yield time_
        if number == dense:
            time_ -= timedelta(hours=8)
        elif number == dense + usual:
            time_ -= timedelta(days=2)
        time_ -= timedelta(seconds=0.002 if number < dense else 1 if number < dense + usual else 20)


def finished(at: datetime, rng: random.Random) -> Submission:
    """Return one as workflow_001 leaves it when it finds something: two steps, one artifact, five events or so."""
    ended = at + timedelta(milliseconds=150)

    def step(name: str, model: ModelRef, output: dict[str, Any], gate: Gate | None = None) -> Step:
        attempt = Attempt(started_at=at, ended_at=ended, server="http://127.0.0.1:8080")
        return Step(
            name=name, model=model, state=StepState.SUCCEEDED, gate=gate, tries=1, attempts=[attempt], output=output
        )

    failed = rng.random() < 0.01
    return Submission(
        id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        workflow=WorkflowRef(name=rng.choice(["workflow_000", "workflow_001"]), version="v1.0.0", digest="0" * 64),
        state=SubmissionState.FAILED if failed else SubmissionState.SUCCEEDED,
        reason="The step segmentation failed." if failed else None,
        input=InputInfo(
            media_type="image/png",
            bytes=120_000,
            width=256,
            height=256,
            file_name="slice.png",
            sha256=f"{rng.getrandbits(256):064x}",
        ),
        steps=[
            step("classification", CLASSIFICATION, {"label": "abnormality", "score": 0.97}),
            step("segmentation", SEGMENTATION, {"mask": {"artifact": "mask.png"}, "area": 0.03}, GATE),
        ],
        result=None if failed else {"label": "abnormality", "score": 0.97, "image": {"artifact": "mask.png"}},
        artifacts=[Artifact(name="mask.png", media_type="image/png", bytes=900)],
        fence=1,
        created_at=at,
        published_at=at,
        started_at=at,
        ended_at=ended,
        expires_at=at + timedelta(days=60),
        events=[Event(type=kind, at=at) for kind in ("submission.queued", "submission.running")]
        + [Event(type=kind, at=at, step="classification") for kind in ("step.running", "step.succeeded")]
        + [Event(type="step.succeeded", at=ended, step="segmentation", gate=GATE)]
        + [Event(type="submission.succeeded", at=ended)],
        event_count=6,
        metadata={"ward": str(rng.randrange(10))},
    )


class Measured:
    """One cluster under measurement."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.host, self.port = settings["SHOWCASE_HOST"], int(settings["SHOWCASE_PORT"])
        self.http = HTTPConnection(self.host, self.port, timeout=120)
        client: MongoClient[Any] = MongoClient(settings["SHOWCASE_MONGO_URL"], serverMonitoringMode="poll")
        self.submissions = client[settings["SHOWCASE_MONGO_DATABASE"]][layout.SUBMISSIONS]

    def fill(self, count: int) -> None:
        stored = self.submissions.estimated_document_count()
        if stored >= count:
            print(f"{stored} submissions are stored already")
            return
        begun = time.perf_counter()
        rng = random.Random(1)
        oldest_first = reversed(list(times(count - stored, datetime.now(UTC))))
        made = (to_document(finished(at, rng)) for at in oldest_first)
        while batch := list(itertools.islice(made, BATCH)):
            self.submissions.insert_many(batch, ordered=False)
        print(f"{count - stored} submissions stored in {time.perf_counter() - begun:.0f} s")

    def get(self, path: str) -> tuple[Any, float]:
        """Return the body and the milliseconds that it took."""
        begun = time.perf_counter()
        self.http.request("GET", path)
        response = self.http.getresponse()
        content = response.read()
        taken = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {content.decode()}")
        return json.loads(content), taken

    def pages(self, name: str, **query: str) -> None:
        """Page on from a place in time; print what pages of 50 took, and how many were full."""
        taken, full, last = [], 0, ""
        for _ in range(PAGES):
            body, milliseconds = self.get(f"/api/v2/submissions?{urlencode(query)}")
            taken.append(milliseconds)
            full += len(body["items"]) == 50
            last = body["items"][-1]["id"] if body["items"] else last
            if body["next"] is None:
                break
            query["cursor"] = body["next"]
        print(line(f"{name} ({full} full)", taken))
        if last:
            ones = [self.get(f"/api/v2/submissions/{last}")[1] for _ in range(PAGES)]
            print(line("  one of them", ones))


def export(measured: Measured, process: psutil.Process, form: str, before: float) -> None:
    """Read the whole export; watch the gateway's memory while it streams."""
    begun, lines, size, most = time.perf_counter(), 0, 0, before
    address = f"http://{measured.host}:{measured.port}/api/v2/export?format={form}"
    with urllib.request.urlopen(address, timeout=120) as stream:
        for content in stream:
            lines, size = lines + 1, size + len(content)
            if lines % 1000 == 0:
                most = max(most, process.memory_info().rss / 1024**2)
    seconds = time.perf_counter() - begun
    print(
        f"export {form}: {lines} lines, {size / 1024**2:.0f} MiB in {seconds:.0f} s; the gateway's memory was "
        f"{before:.0f} MiB before and {most:.0f} MiB at most"
    )


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--count", type=int, default=200_000, help="submissions that should be stored")
    arguments.add_argument("--only-fill", action="store_true", help="store them and leave")
    given = arguments.parse_args()
    print(machine(given.home, 120))
    measured = Measured(cluster_settings(given.home))
    measured.fill(given.count)
    if given.only_fill:
        return
    newest, _ = measured.get("/api/v2/submissions?limit=1")
    top = datetime.fromisoformat(newest["items"][0]["created_at"])
    dense = timedelta(milliseconds=2 * (given.count * 3 // 10))
    usual = timedelta(seconds=given.count * 3 // 10)
    sparse = timedelta(seconds=20 * (given.count * 4 // 10))
    oldest = top - dense - usual - sparse - timedelta(days=2, hours=8)
    measured.pages("newest, 500 a second")
    measured.pages("across the gap into 1 a second", created_before=(top - dense + timedelta(seconds=0.5)).isoformat())
    measured.pages("1 a second", created_before=(top - dense - timedelta(hours=10)).isoformat())
    measured.pages("1 every 20 s", created_before=(oldest + sparse / 2).isoformat())
    measured.pages("oldest, to the end", created_before=(oldest + timedelta(hours=5)).isoformat())
    measured.pages("newest, state=failed (1 in 100)", state="failed")
    measured.pages("newest, workflow that is not there", workflow="workflow_999")
    process = psutil.Process(pid_of(given.home, "gateway"))
    for form in ("ndjson", "csv"):
        export(measured, process, form, process.memory_info().rss / 1024**2)


if __name__ == "__main__":
    main()
