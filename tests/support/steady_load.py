"""A steady load of submissions over several gateways, which notes what was accepted and every unexpected answer."""

from __future__ import annotations

import itertools
import math
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from contracts.submissions.documents import WorkflowRef
from tests.support.patience import PATIENCE, eventually

THREADS = 6
PAUSE_SECONDS = 0.9
"""Between two submissions of one thread: together some five a second, fewer on a slow machine."""


@dataclass(frozen=True)
class Target:
    workflow: str
    version: str | None = None


@dataclass(frozen=True)
class Accepted:
    """A submission, and the version that its acceptance named."""

    id: str
    target: Target
    ref: WorkflowRef


def submit(url: str, target: Target, image: bytes, key: str | None = None) -> requests.Response:
    """Submit over a connection of its own."""
    fields = {"workflow": target.workflow} | ({"version": target.version} if target.version else {})
    return requests.post(
        f"{url}/api/v2/submissions",
        files={"image": ("digit.png", image)},
        data=fields,
        headers={"Idempotency-Key": key or str(uuid.uuid4())},
        timeout=PATIENCE,
    )


def accepted(answer: requests.Response, target: Target) -> Accepted:
    assert answer.status_code == 202, f"{answer.status_code}: {answer.text}"
    found: dict[str, Any] = answer.json()
    return Accepted(found["id"], target, WorkflowRef.model_validate(found["workflow"]))


class SteadyLoad:
    """``targets`` may be replaced while it runs. A thread repeats a submission whose connection broke, with its key."""

    def __init__(self, gateways: Sequence[str], image: bytes, *targets: Target) -> None:
        self.targets = targets
        self.accepted: list[Accepted] = []
        self.retired: list[Target] = []
        """What may be answered with 410."""
        self.gone: list[requests.Response] = []
        self.repeated = 0
        self.failures: list[str] = []
        self._gateways, self._image = list(gateways), image
        self._numbers = itertools.count()
        self._killed_until: dict[str, float] = {}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(THREADS)]

    @contextmanager
    def running(self) -> Iterator[SteadyLoad]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(PATIENCE)

    @contextmanager
    def killed(self, gateway: str) -> Iterator[None]:
        """Excuse broken connections to this gateway, of requests that begin before the block ends."""
        self._killed_until[gateway] = math.inf
        yield
        self._killed_until[gateway] = time.monotonic()

    def go_on(self, count: int = 15) -> None:
        """Wait until so many further submissions were accepted."""
        wanted = len(self.accepted) + count
        eventually(lambda: self.failures or len(self.accepted) >= wanted)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            number = next(self._numbers)
            targets = self.targets
            target, turn = targets[number % len(targets)], number // len(targets)
            try:
                self._send(target, turn)
            except (AssertionError, LookupError, ValueError, requests.RequestException) as error:
                self.failures.append(f"{target}: {error!r}")

    def _send(self, target: Target, turn: int) -> None:
        key = str(uuid.uuid4())
        while True:
            gateway = self._gateways[turn % len(self._gateways)]
            began = time.monotonic()
            try:
                answer = submit(gateway, target, self._image, key)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                if began >= self._killed_until.get(gateway, 0.0):
                    raise
                self.repeated += 1
                turn += 1
                continue
            if answer.status_code == 410 and target in self.retired:
                self.gone.append(answer)
            else:
                self.accepted.append(accepted(answer, target))
            return
