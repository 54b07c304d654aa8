"""A steady stream of submissions of both workflows, and what became of each."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests

from contracts.submissions.documents import Submission
from tests.support.checkout import SAMPLES

PER_SECOND = 20

# Three in four are cheap, one in eight takes both steps of the second workflow: two cores can do more at this rate than
# comes in, and catch up.
MIX = [
    ("digits/digit_7.png", "workflow_000"),
    ("flair/lesion_1.png", "workflow_001"),
    ("digits/digit_2.png", "workflow_000"),
    ("digits/digit_3.png", "workflow_000"),
    ("digits/digit_4.png", "workflow_000"),
    ("flair/normal_1.png", "workflow_001"),
    ("digits/digit_6.png", "workflow_000"),
    ("digits/digit_9.png", "workflow_000"),
]
ANSWER_SECONDS = 60


@dataclass
class Sent:
    """One request: when it was sent, and the id that came back or that the gateway asked for a retry."""

    sent: datetime
    retryable: bool = False
    submission_id: str | None = None

    def settle(self, response: requests.Response) -> None:
        """Take the answer down."""
        if response.status_code == 200:
            self.submission_id = response.json()["submission_id"]
        else:
            self.retryable = response.status_code == 503


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

    @contextmanager
    def half_sent(self) -> Iterator[None]:
        """Have half of one more submission on its way; the rest follows when the context is left."""
        record = Sent(datetime.now(UTC))
        self.sent.append(record)
        picture, workflow = self._pictures[0]
        form = requests.Request(
            "POST",
            f"{self.url}/api/v1/submit_image",
            files={"image": ("x.png", picture)},
            data={"workflow_name": workflow},
        ).prepare()
        body = form.body
        assert isinstance(body, bytes)  # a form with a file in it
        begun, go_on = threading.Event(), threading.Event()

        def halves() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            begun.set()
            go_on.wait(ANSWER_SECONDS)
            yield body[len(body) // 2 :]

        def send() -> None:
            kind = {"Content-Type": form.headers["Content-Type"]}
            try:
                record.settle(requests.post(form.url or "", data=halves(), headers=kind, timeout=ANSWER_SECONDS))
            except requests.RequestException:
                record.retryable = True

        thread = threading.Thread(target=send)
        thread.start()
        self._threads.append(thread)
        try:
            assert begun.wait(ANSWER_SECONDS), "the upload did not begin"
            yield
        finally:
            go_on.set()

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
        record.settle(response)


def doubled(records: list[Submission]) -> int:
    """Count steps that succeeded more than once: an effect that a client could see twice."""
    return sum(
        sum(attempt.error is None for attempt in step.attempts) > 1 for record in records for step in record.steps
    )
