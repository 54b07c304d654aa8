"""How long a submission takes to be accepted, and what the orchestrator adds to its models' own time.

``python -m bench.submission`` against a cluster that ``make up`` started.
"""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from pymongo import MongoClient

from bench.measuring import CHECKOUT, cluster_settings, line, machine, parser, picture_of
from contracts.submissions.documents import Submission, from_document
from runtime.mongo import Document

PATIENCE_SECONDS = 60
BOUNDARY = "showcase-bench-boundary"


class Client:
    """A submitter on one kept-open connection. ``requests`` would add half of the figure by its own work."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)

    def submit(self, image: bytes, workflow: str) -> tuple[str, float]:
        """Return the submission's id and the milliseconds until the answer."""
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="workflow_name"\r\n\r\n{workflow}\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        begun = time.perf_counter()
        self._connection.request("POST", "/api/v1/submit_image", body, kind)
        response = self._connection.getresponse()
        answer = response.read()
        taken = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise SystemExit(f"Refused with {response.status}: {answer.decode()}")
        return str(json.loads(answer)["submission_id"]), taken

    def wait(self, identifier: str) -> None:
        """Return when it has succeeded, by ``Prefer: wait``. Exits if it does not succeed."""
        seconds = PATIENCE_SECONDS // 2
        self._connection.request("GET", f"/api/v2/submissions/{identifier}", headers={"Prefer": f"wait={seconds}"})
        state = json.loads(self._connection.getresponse().read()).get("state")
        if state != "succeeded":
            raise SystemExit(f"{identifier} should have succeeded within {seconds} s; it is {state}")


class Measured:
    """One cluster under measurement."""

    def __init__(self, home: Path) -> None:
        settings = cluster_settings(home)
        self.address = (settings["SHOWCASE_HOST"], int(settings["SHOWCASE_PORT"]))
        client = MongoClient[Document](settings["SHOWCASE_MONGO_URL"], tz_aware=True, serverMonitoringMode="poll")
        self.submissions = client[settings["SHOWCASE_MONGO_DATABASE"]]["submissions"]

    def finished(self, identifier: str) -> Submission:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            document = self.submissions.find_one({"_id": identifier})
            if document and (record := from_document(document)).state.terminal:
                return record
            time.sleep(0.02)
        raise SystemExit(f"{identifier} did not end within {PATIENCE_SECONDS} s")

    def drained(self) -> None:
        """Wait until nothing is due any more, so that the next figures are of an idle cluster."""
        ahead = datetime.now(UTC) + timedelta(days=1)
        while self.submissions.find_one({"due_at": {"$lt": ahead}}):
            time.sleep(0.5)


def _submit_many(address: tuple[str, int], image: bytes, each: int, patient: bool) -> list[float]:
    client = Client(*address)
    taken = []
    for _ in range(each):
        identifier, milliseconds = client.submit(image, "workflow_000")
        taken.append(milliseconds)
        if patient:
            client.wait(identifier)
    return taken


def accepting(
    measured: Measured, clients: int, each: int, image: bytes, *, patient: bool = False
) -> tuple[list[float], float]:
    """Return the milliseconds that each took, and how many were accepted a second.

    Each client is a process of its own. A patient one has its result before it sends the next: it sends as many
    as the models can process, on processors that the models keep busy. Others send the next one once the last
    is accepted.
    """
    with ProcessPoolExecutor(clients, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.2] * clients))  # until each has started and found its modules
        begun = time.perf_counter()
        shared = [(measured.address, image, each, patient)] * clients
        made = pool.map(_submit_many, *zip(*shared, strict=True))
        values = [value for values in made for value in values]
        return values, len(values) / (time.perf_counter() - begun)


def overhead(measured: Measured, count: int, workflow: str, sample: Path) -> None:
    """One at a time: everything between the claim and the end that was not a call to a model."""
    waits, added, models, totals = [], [], [], []
    client = Client(*measured.address)
    for _ in range(count):
        identifier, _ = client.submit(sample.read_bytes(), workflow)
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
    print(machine(given.home, given.kilobytes))
    image = picture_of(given.kilobytes)
    accepting(measured, given.clients, 10, image)
    measured.drained()
    for clients in (1, given.clients):
        for patient in (True, False):
            taken, rate = accepting(measured, clients, given.count, image, patient=patient)
            manner = "awaiting results" if patient else "flat out"
            name = f"accepting {len(image) // 1024} KiB, {clients} client{'s' * (clients > 1)}, {manner}"
            print(f"{line(name, taken)}   {rate:.0f}/s")
            measured.drained()
    overhead(measured, given.count, "workflow_000", CHECKOUT / "samples" / "digits" / "digit_7.png")
    overhead(measured, given.count, "workflow_001", CHECKOUT / "samples" / "flair" / "lesion_1.png")


if __name__ == "__main__":
    main()
