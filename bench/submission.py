"""How long a submission takes to be accepted, and what the orchestrator adds to its models' own time.

``python -m bench.submission`` against a cluster that ``make up`` started.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from pymongo import MongoClient

from bench.measuring import CHECKOUT, cluster_settings, line, machine, parser, picture_of
from contracts.documents import Submission, from_document

PATIENCE_SECONDS = 60


class Measured:
    """One cluster under measurement."""

    def __init__(self, home: Path) -> None:
        settings = cluster_settings(home)
        self.url = f"http://{settings['SHOWCASE_HOST']}:{settings['SHOWCASE_PORT']}"
        client: MongoClient = MongoClient(settings["SHOWCASE_MONGO_URL"], tz_aware=True)
        self.submissions = client[settings["SHOWCASE_MONGO_DATABASE"]]["submissions"]

    def submit(self, http: requests.Session, image: bytes, workflow: str) -> tuple[str, float]:
        """Return the submission's id and the milliseconds until the answer."""
        begun = time.perf_counter()
        response = http.post(
            f"{self.url}/api/v1/submit_image", files={"image": ("x.png", image)}, data={"workflow_name": workflow}
        )
        taken = (time.perf_counter() - begun) * 1000
        response.raise_for_status()
        return response.json()["submission_id"], taken

    def finished(self, identifier: str) -> Submission:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            record = from_document(self.submissions.find_one({"_id": identifier}))
            if record.state.terminal:
                return record
            time.sleep(0.02)
        raise SystemExit(f"{identifier} did not end within {PATIENCE_SECONDS} s")

    def drained(self) -> None:
        """Wait until nothing is queued or running, so that the next figures are of an idle cluster."""
        while self.submissions.find_one({"state": {"$in": ["queued", "running"]}}):
            time.sleep(0.2)


def accepting(measured: Measured, clients: int, each: int, image: bytes) -> list[float]:
    def one(_: int) -> list[float]:
        with requests.Session() as http:
            return [measured.submit(http, image, "workflow_000")[1] for _ in range(each)]

    with ThreadPoolExecutor(clients) as pool:
        return [value for values in pool.map(one, range(clients)) for value in values]


def overhead(measured: Measured, count: int, workflow: str, sample: Path) -> None:
    """One at a time: everything between the claim and the end that was not a call to a model."""
    waits, added, models, totals = [], [], [], []
    with requests.Session() as http:
        for _ in range(count):
            identifier, _ = measured.submit(http, sample.read_bytes(), workflow)
            record = measured.finished(identifier)
            assert record.started_at
            assert record.ended_at
            calls = [
                (attempt.ended_at - attempt.started_at).total_seconds() * 1000
                for step in record.steps
                for attempt in step.attempts
            ]
            run = (record.ended_at - record.started_at).total_seconds() * 1000
            waits.append((record.started_at - record.created_at).total_seconds() * 1000)
            models.append(sum(calls))
            added.append(run - sum(calls))
            totals.append((record.ended_at - record.created_at).total_seconds() * 1000)
    print(line(f"{workflow}: accepted until claimed", waits))
    print(line(f"{workflow}: its models' calls", models))
    print(line(f"{workflow}: the orchestrator's overhead", added))
    print(line(f"{workflow}: accepted until finished", totals))


def main() -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--clients", type=int, default=4, help="submitting at the same time")
    arguments.add_argument("--count", type=int, default=100, help="submissions a client, and one at a time")
    arguments.add_argument("--kilobytes", type=int, default=120, help="size of the image")
    given = arguments.parse_args()
    measured = Measured(given.home)
    print(machine())
    image = picture_of(given.kilobytes)
    accepting(measured, given.clients, 10, image)
    measured.drained()
    name = f"accepting {len(image) // 1024} KiB at {given.clients} clients"
    print(line(name, accepting(measured, given.clients, given.count, image)))
    measured.drained()
    overhead(measured, given.count, "workflow_000", CHECKOUT / "samples" / "digits" / "digit_7.png")
    overhead(measured, given.count, "workflow_001", CHECKOUT / "samples" / "flair" / "lesion_1.png")


if __name__ == "__main__":
    main()
