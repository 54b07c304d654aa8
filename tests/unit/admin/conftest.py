"""A running system in memory, and the commands on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from admin.__main__ import run
from admin.ports import DeadLetter
from contracts.messaging.jobs import Job, encode_job
from contracts.messaging.topology import POISON
from contracts.submissions.documents import Submission, to_document
from contracts.submissions.states import SubmissionState
from contracts.workflows.catalogue import Catalogue
from tests.support.factories import GATED, NOW, ONE_STEP, make_submission, make_workflow
from tests.support.fake_catalogue import MemoryCatalogue
from tests.support.fakes import FakeLetters, MemoryStore


def make_letter(submission: Submission, number: int = 1, **changes: Any) -> DeadLetter:
    job = Job(submission.id, submission.workflow.name, submission.workflow.version)
    values: dict[str, Any] = {"tag": number, "body": encode_job(job), "message_id": submission.id, "reason": POISON}
    return DeadLetter(**values | {"queue": "", "since": NOW + timedelta(minutes=number)} | changes)


class MemorySystem:
    """Called with the words of a command line, it runs the command and returns the exit status."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.letters = FakeLetters()
        self.alias_store = MemoryCatalogue(self.store)

    def catalogue(self) -> Catalogue:
        texts = [ONE_STEP, ONE_STEP.replace("v1.0.0", "v1.10.0"), ONE_STEP.replace("v1.0.0", "v1.9.0"), GATED]
        return Catalogue([make_workflow(text) for text in texts])

    def aliases(self) -> MemoryCatalogue:
        return self.alias_store

    def submissions(self) -> MemorySystem:
        return self

    def submission(self, submission_id: str) -> Submission | None:
        return self.store.fetch(submission_id)

    def open_letters(self) -> FakeLetters:
        return self.letters

    def keep(self, state: SubmissionState = SubmissionState.QUEUED, **changes: Any) -> Submission:
        """Store a submission and a dead letter about it."""
        submission = make_submission(state=state, **changes)
        self.store.documents[submission.id] = to_document(submission)
        self.letters.letters.append(make_letter(submission, len(self.letters.letters) + 1))
        return submission

    def __call__(self, *words: str) -> int:
        return run(words, self)


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()
