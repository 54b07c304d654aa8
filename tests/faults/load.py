"""A steady stream of submissions of both workflows, and what became of each."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests

from contracts.documents import Submission

PER_SECOND = 20
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
# Two in three are cheap, one in six takes both steps of the second workflow: what two cores can do at this rate.
MIX = [
    ("digits/digit_7.png", "workflow_000"),
    ("flair/lesion_1.png", "workflow_001"),
    ("digits/digit_2.png", "workflow_000"),
    ("digits/digit_4.png", "workflow_000"),
    ("flair/normal_1.png", "workflow_001"),
    ("digits/digit_9.png", "workflow_000"),
]
ANSWER_SECONDS = 60
MOMENTS = ("upload", "queued", "step 1", "between steps", "step 2", "writing")


@dataclass
class Sent:
    """One request: when it was sent and answered, with what status (0: no answer), and the id that came back."""

    sent: datetime
    answered: datetime | None = None
    status: int = 0
    retryable: bool = False
    submission_id: str | None = None


@dataclass
class Load:
    """Sends ``PER_SECOND`` submissions a second from threads of its own until it is stopped."""

    url: str
    sent: list[Sent] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pictures = [((SAMPLES / name).read_bytes(), workflow) for name, workflow in MIX]
        self._driver = threading.Thread(target=self._drive)
        self._driver.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._driver.join()
        for thread in self._threads:
            thread.join()

    @property
    def accepted(self) -> list[str]:
        return [each.submission_id for each in self.sent if each.submission_id]

    def _drive(self) -> None:
        begun = time.monotonic()
        for number in itertools.count():
            # Paced by the clock and not by the answers: while a part stands still, the world goes on sending.
            if self._stop.wait(max(0.0, begun + number / PER_SECOND - time.monotonic())):
                return
            record = Sent(datetime.now(UTC))
            self.sent.append(record)
            thread = threading.Thread(target=self._send, args=(record, *self._pictures[number % len(MIX)]))
            thread.start()
            self._threads.append(thread)

    def _send(self, record: Sent, picture: bytes, workflow: str) -> None:
        try:
            response = requests.post(
                f"{self.url}/api/v1/submit_image",
                files={"image": ("x.png", picture)},
                data={"workflow_name": workflow},
                timeout=ANSWER_SECONDS,
            )
        except requests.RequestException:
            record.retryable = True  # the connection broke before an answer: the client knows that it has to ask again
            return
        record.answered = datetime.now(UTC)
        record.status = response.status_code
        if response.status_code == 200:
            record.submission_id = response.json()["submission_id"]
        else:
            record.retryable = response.status_code == 503


def moments(load: Load, records: list[Submission], at: datetime) -> Counter[str]:
    """Count where everything was at that time."""
    counted: Counter[str] = Counter()
    for each in load.sent:
        if each.sent <= at and (each.answered is None or at <= each.answered):
            counted["upload"] += 1
    for record in records:
        if (found := _moment(record, at)) is not None:
            counted[found] += 1
    return counted


def _moment(record: Submission, at: datetime) -> str | None:
    if record.created_at > at or (record.ended_at and record.ended_at < at):
        return None
    calls = sorted(
        (attempt.started_at, attempt.ended_at, number)
        for number, step in enumerate(record.steps, start=1)
        for attempt in step.attempts
    )
    for begun, ended, number in calls:
        if begun <= at <= ended:
            return f"step {number}"
    if not calls or at < calls[0][0]:
        return "queued"
    return "writing" if at > calls[-1][1] else "between steps"


def doubled(records: list[Submission]) -> int:
    """Count steps that succeeded more than once: an effect that somebody could see twice."""
    return sum(
        sum(attempt.error is None for attempt in step.attempts) > 1 for record in records for step in record.steps
    )
